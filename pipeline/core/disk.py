"""A full disk, told as what it is: libraries report it in many ways."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import PipelineError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOTHING = 1 << 20  # bytes; with less than this left, whatever failed failed for want of room


def full_disk(fault: BaseException, *folders: Path) -> PipelineError | None:
    """The error to show if the fault comes from a disk without room, on which one of the folders lies; else None."""
    free = {folder: shutil.disk_usage(folder).free for folder in folders if folder.exists()}
    if not free:
        return None
    fullest = min(free, key=lambda folder: free[folder])
    if free[fullest] >= _NOTHING and not any(isinstance(one, OSError) and one.errno in _FULL for one in _causes(fault)):
        return None
    return PipelineError(
        f"no room is left on the disk of {fullest.resolve()} ({free[fullest] / 1e6:.1f} MB free)",
        mend="make room (dvc gc --workspace removes what no experiment here needs), then run again: it goes on where it was",
    )


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__
