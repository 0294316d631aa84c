"""A Ctrl-C in a place where Python can raise nothing."""

import subprocess
import sys

PROGRAM = """
import signal, sys, time
from pipeline.core.interrupt import keep_interrupts

class Held:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)

class Broken:
    def __del__(self):
        raise ValueError("told as ever")

keep_interrupts()
held = Held()
try:
    del held
    time.sleep(20)
except KeyboardInterrupt:
    print("stopped")
broken = Broken()
del broken
"""


def test_it_arrives_once_more_and_other_faults_are_told_as_ever() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "stopped\n"
    assert "KeyboardInterrupt" not in ran.stderr
    assert "told as ever" in ran.stderr
