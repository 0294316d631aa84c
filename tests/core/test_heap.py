"""What malloc does with freed memory."""

import os
import subprocess
import sys

import pytest

ROUNDS = """
import resource
import numpy as np
{before}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    start = faults()
    arrays = [np.ones(1 << 20, np.uint8) for _ in range(24)]
    del arrays
print(faults() - start)
"""


def pages_of_third_round(before: str) -> int:
    """Pages that the system had to give when 24 MB were taken for the third time."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", ROUNDS.format(before=before)], env=plain, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
def test_freed_arrays_are_not_cleared_by_the_system_again():
    without = pages_of_third_round("")
    assert pages_of_third_round("from pipeline.core.heap import keep_freed; keep_freed()") < without / 5
    assert pages_of_third_round("import stages") < without / 5
