"""A Ctrl-C in a place where Python can raise nothing, and one that nobody catches."""

import signal
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


def test_uncaught_it_ends_the_program_with_one_line_and_the_signal() -> None:
    program = "import signal; from pipeline.core.interrupt import keep_interrupts; keep_interrupts(); signal.raise_signal(signal.SIGINT)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (-signal.SIGINT, "interrupted before it began\n")


def test_an_uncaught_fault_is_told_as_ever() -> None:
    program = "from pipeline.core.interrupt import keep_interrupts; keep_interrupts(); raise ValueError('told as ever')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "ValueError: told as ever" in ran.stderr
    assert "Traceback" in ran.stderr
