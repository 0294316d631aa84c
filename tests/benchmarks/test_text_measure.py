"""The cost of a command is that of all its processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BURN = "import time\nwhile time.process_time() < .4: pass"
MEMORY = "data = bytearray(100_000_000); import time; time.sleep(.4)"


def measured(code: str) -> dict[str, float]:
    """In a process of its own: the measurement reaps every child of its process."""
    program = f"""
import json, os, sys
from pathlib import Path
from benchmarks.text_measure import cost_of
cost = cost_of([sys.executable, "-c", {code!r}], cwd=Path.cwd(), environment=os.environ)
print(json.dumps([cost.cpu_seconds, cost.peak_megabytes, cost.output]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, env=os.environ)
    if done.returncode:
        raise RuntimeError(done.stderr)
    cpu, peak, output = json.loads(done.stdout)
    return {"cpu": cpu, "peak": peak, "output": output}


def test_a_grandchild_that_nobody_waits_for_counts():
    cost = measured(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN!r}]); print('done')")
    assert cost["cpu"] >= 0.4
    assert cost["output"] == "done\n"


def test_memory_is_that_of_the_whole_tree():
    cost = measured(f"import subprocess, sys; {MEMORY.split(';')[0]}; subprocess.run([sys.executable, '-c', {MEMORY!r}])")
    assert cost["peak"] > 200


def test_a_command_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="no such thing"):
        measured("raise SystemExit('no such thing')")
