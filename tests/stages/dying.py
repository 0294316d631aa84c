"""Ranks of which the second is killed: `python -m tests.stages.dying`. They need no torch."""

import os
import signal
import time

if __name__ == "__main__":
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
