"""The estimates of memory are held to what processes take."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tokenizers

SIZE = (2, 64, 2, 160, 512)  # of conf/size/smoke: layers, width, heads, inner width, vocabulary


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="only Linux forgets the highest use of memory when asked")
def test_an_estimate_is_near_to_what_a_process_takes(tmp_path: Path, tokenizer: tokenizers.Tokenizer, root: Path) -> None:
    """Not far below it, or the system kills the stage; not far above it, or a batch that fits is refused."""
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    command = [sys.executable, "-m", "tests.align.growth", str(tmp_path), *map(str, SIZE)]
    said = subprocess.run(command, check=True, cwd=root, timeout=600, capture_output=True, text=True).stdout
    ratios = {name: estimate / taken for name, (estimate, taken) in json.loads(said.splitlines()[-1]).items()}
    assert set(ratios) == {"pretrain", "score", "sample", "sft", "packed", "reward", "dpo", "ppo"}
    assert all(0.5 < ratio < 1.8 for ratio in ratios.values()), ratios
