"""What malloc does with freed memory, and Python with what is left at the end."""

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


CYCLE = """
class Left:
    def __del__(self):
        print("looked for")
import {package}
left = Left()
left.itself = left
del left
"""


@pytest.mark.parametrize(("package", "said"), [("json", "looked for\n"), ("stages", ""), ("apps", "")])
def test_a_stage_and_an_app_end_without_a_last_look_for_garbage(package: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", CYCLE.format(package=package)], capture_output=True, text=True, check=True)
    assert done.stdout == said
