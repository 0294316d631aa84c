"""hardware.ranks=2: pretrain starts itself again as two processes, which die with it, and goes on alone where they were."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.tokens.kinds.bpe import train
from pipeline.tokens.tokenizer import save
from tests.conftest import ROOT
from tests.packed import write_tokens
from tests.tokens.conftest import text

pytestmark = pytest.mark.smoke
SMALL = [
    "size=smoke", "hardware.threads=1", "pretrain.batch_tokens=512", "pretrain.micro_batch=4", "pretrain.log_every=1",
    "pretrain.checkpoint_every=2", "pretrain.evaluation.rows=2", "pretrain.evaluation.samples=0",
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the stage reads."""
    monkeypatch.chdir(tmp_path)
    for name in ("conf", "pipeline", "stages", "requirements.lock"):
        Path(name).symlink_to(ROOT / name)
    rows = [{"id": str(n), "source": "test", "text": text(n), "bits": 8.0 * n} for n in range(30)]
    split, tokenizer = Split("data/split"), Tokenizer("data/tokenizer")
    split.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    save(train([row["text"] for row in rows], vocab_size=320, pattern="gpt2"), tokenizer)
    write_tokens(split, tokenizer, Tokens("data/tokenize"), length=64)
    return tmp_path


def started(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stages.pretrain", *SMALL, *words]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)


def wait_for(true: Callable[[], object], *, seconds: float = 90) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def children(process: subprocess.Popen[str]) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def alive(number: int) -> bool:
    status = Path(f"/proc/{number}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"


def test_two_processes_that_are_killed_are_gone_and_one_goes_on_where_they_were(place: Path) -> None:
    both = started("pretrain.duration=20000 steps", "hardware.ranks=2")
    wait_for(lambda: list(Path(".run/pretrain").glob("*/checkpoints/step-*/manifest.json")))
    ranks = [number for number in children(both) if b"stages.pretrain" in Path(f"/proc/{number}/cmdline").read_bytes()]
    assert len(ranks) == 2
    both.send_signal(signal.SIGKILL)
    both.communicate()
    wait_for(lambda: not any(map(alive, ranks)), seconds=10)

    stopping = started("pretrain.duration=20000 steps", "hardware.ranks=2")
    kept = max(Path(".run/pretrain").glob("*/checkpoints/step-*"))
    wait_for(lambda: max(Path(".run/pretrain").glob("*/checkpoints/step-*")) > kept)
    stopping.send_signal(signal.SIGTERM)
    told = stopping.communicate()[1]
    assert stopping.returncode == 1
    assert told.count("a checkpoint is kept") == 1
    assert "Traceback" not in told


def test_two_processes_write_once_what_one_writes(place: Path) -> None:
    found = []
    for words in (["hardware.ranks=2"], ["hardware.ranks=2", "hardware.parallel=fsdp"], ["hardware.ranks=1"]):
        process = started("pretrain.duration=4 steps", *words)
        told = process.communicate()[1]
        assert process.returncode == 0, told
        found.append(json.loads(Path("metrics/pretrain.json").read_text()))
    for two in found[:2]:
        assert two["train_loss"] == pytest.approx(found[2]["train_loss"], rel=1e-5)
        assert two["val"]["bits_per_byte"] == pytest.approx(found[2]["val"]["bits_per_byte"], rel=1e-5)
    assert not list(Path(".run/pretrain").iterdir())  # what was in work is gone
