"""A rank that meets the others, tells its number, and parts: `python -m tests.stages.meeting FOLDER`."""

import os
import sys
from pathlib import Path

from pipeline.train import processes
from stages import _ranks

if __name__ == "__main__":
    _ranks.join("cpu", taken=False)
    (Path(sys.argv[1]) / os.environ["RANK"]).write_text(f"{os.environ['WORLD_SIZE']} {processes.here()}")
    _ranks.leave()
