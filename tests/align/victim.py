"""Trains each method once and dies by its own hand at a given step: run by test_kill. Usage: victim.py FOLDER STEP [DURATION]."""

import os
import signal
import sys
from pathlib import Path

import torch

from pipeline.tokens.tokenizer import read
from tests.align import methods
from tests.align.tiny import workspace


def main(folder: Path, last: int, duration: str | None = None) -> None:
    torch.set_num_threads(1)
    tokenizer = read(folder / "tokenizer.json")
    for name in methods.TIMED if duration else methods.ALL:
        method = methods.ALL[name]
        if not (child := os.fork()):
            method(tokenizer, workspace(folder / name, lambda step, values: die_at(last, step)), how=methods.How(duration=duration))
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, name


def die_at(last: int, step: int) -> None:
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
