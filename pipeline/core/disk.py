"""A full disk, told as what it is: libraries report it in many ways."""

import errno
import re
import shutil
from pathlib import Path

from pipeline.core.errors import PipelineError, causes

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SAID = re.compile(r"no space left on device|os error 28\b|disk quota exceeded", re.IGNORECASE)
_NOTHING = 1 << 20  # bytes; with less than this left, whatever failed failed for want of room


def full_disk(fault: BaseException, *folders: Path, made: Path) -> PipelineError | None:
    """The error to show if the fault comes from a disk without room; else None. `made`: what the stages wrote before.

    Some libraries hide what the system said: then it counts whether the disk of one of the folders is full.
    """
    for one in causes(fault):
        if (isinstance(one, OSError) and one.errno in _FULL) or _SAID.search(str(one)):
            place = Path(one.filename).parent if isinstance(one, OSError) and isinstance(one.filename, str) else None
            where = f"on the disk of {place.resolve()}" if place else "on a disk"
            return _error(f"no room is left {where}, or in your quota of it", made)
    for folder in folders:
        if folder.exists() and (free := shutil.disk_usage(folder).free) < _NOTHING:
            return _error(f"no room is left on the disk of {folder.resolve()} ({free / 1e3:.0f} kB free)", made)
    return None


def needed(made: Path) -> int:
    """About how many bytes a stage needs: twice the largest artifact so far, since DVC's cache holds each once more."""
    sizes = [sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in made.glob("*") if one.is_dir()]
    return 2 * max(sizes, default=0)


def _error(message: str, made: Path) -> PipelineError:
    about = f"; a stage needs about {room / 1e6:.0f} MB, twice the largest artifact so far" if (room := needed(made)) else ""
    mend = "make gc FREE=1, which removes what no run here needs; then run again: it goes on where it was"
    return PipelineError(message + about, mend=mend)
