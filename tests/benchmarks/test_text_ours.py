"""Our own side of the comparison runs the recipes of the stages."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.text import stages_job
from benchmarks.text_corpus import make

ROOT = Path(__file__).parents[2]


def test_the_text_stages_run_one_after_the_other(tmp_path):
    make(tmp_path / "corpus", documents=40, seed=1, text=None)
    corpus = tmp_path / "corpus" / "corpus"
    job = stages_job(tmp_path / "out", ["dedup"], ["dedup=minhash", f"dedup.source={corpus}", f"dedup.truth={corpus}"])
    command = [sys.executable, "-m", "benchmarks.text_ours", "stages", str(job)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["stages"]["dedup"]["documents"] < 40
