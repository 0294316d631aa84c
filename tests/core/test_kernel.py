"""Kernels are compiled once for all processes, and what was compiled computes the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
import numpy as np
from pipeline.core.kernel import kernel

@kernel
def half(value):
    return value / 2

@kernel
def largest(values):
    found = values[0]
    for value in values[1:]:
        found = max(found, value)
    return found

@kernel(allocates=True)
def total(values):
    found = np.zeros(2)
    for value in values:
        found[0] += half(value)
        found[1] += 1
    return found

if __name__ == "__main__":
    import added
    for values in (np.arange(5.0), np.arange(4)):
        print(added.total(values).tolist(), sum(added.total.stats.cache_hits.values()))
    print(added.largest(np.arange(3)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "added.py").write_text(MODULE)
    return tmp_path


def run(folder: Path) -> list[str]:
    """What a process of its own prints: the totals, and how many kernels it took from the disk till then."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "compiled"), "PYTHONPATH": f"{folder}:{ROOT}"}
    done = subprocess.run([sys.executable, folder / "added.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_process_takes_what_another_compiled(folder):
    assert run(folder) == ["[5.0, 5.0] 0", "[3.0, 4.0] 0", "2"]
    assert run(folder) == ["[5.0, 5.0] 1", "[3.0, 4.0] 2", "2"]


def test_after_a_kernel_that_was_loaded_another_one_is_compiled(folder):
    run(folder)
    for path in (folder / "compiled").rglob("added.total*.2.nbc"):  # of integers
        path.unlink()
    assert run(folder) == ["[5.0, 5.0] 1", "[3.0, 4.0] 1", "2"]
