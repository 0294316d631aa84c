"""What a stage says while it runs, and where and how long it ran."""

import dataclasses
import logging
import platform
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import STARTED, _ranks

if TYPE_CHECKING:
    from stages._run import Run

LOG = Path(".run/log")


class _File(logging.FileHandler):
    """A log file; a full disk is told by what the stage itself can't write, not once more for each line of the log."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def logger(name: str) -> logging.Logger:
    """Messages of a stage: on standard error, and all of them in .run/log/<stage>.log, of other ranks in <stage>-rank1.log …"""
    path = LOG / (f"{name}.log" if _ranks.first() else f"{name}-rank{_ranks.number()}.log")
    path.parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("scriptorium")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    file = _File(path, encoding="utf-8", delay=True)  # a resumed run adds to what the killed one wrote
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING if _ranks.first() else logging.CRITICAL)
    console.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    for handler in log.handlers:  # of the stage that this process ran before
        handler.close()
    log.handlers = [file, console]
    library = logging.getLogger("pipeline")
    library.setLevel(logging.INFO)
    library.propagate = False
    library.handlers = [file, console]
    return log


def provenance(run: "Run", inputs: Mapping[str, str], seconds: float, *, told: str | None) -> dict[str, Any]:
    """Numbers that pass: where and how long. In .run/ only, never in an artifact or metric. `told`: the key of what DVC told the stage."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "stage": run.name,
        "told": told,
        "inputs": dict(inputs),
        "seconds": round(seconds, 2),
        "whole_seconds": round(time.perf_counter() - STARTED, 2),  # imports too
        "cpu_seconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 2),
        "peak_megabytes": own.ru_maxrss // 1024,
        "hardware": dataclasses.asdict(run.hardware) | {"device": run.device, "threads": run.threads, "ranks": _ranks.world()},
        "python": platform.python_version(),
        "host": platform.node(),
        "machine": platform.processor() or platform.machine(),
    }
