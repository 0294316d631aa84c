"""Where work in progress survives a kill: one folder a key, held by one process at a time.

The key stands for everything that the work depends on, so that another setting, another source
file or another input can never resume what is not its own.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.owned import remove_folder

_KEY_LENGTH = 16  # hex digits: 64 bits


def key_of(*parts: Any) -> str:
    """A short name for the parts (JSON values); any change in any of them is another name."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_KEY_LENGTH]


@contextmanager
def scratch_folder(root: Path, key: str, *, waits: Callable[[Path], None]) -> Iterator[tuple[Path, bool]]:
    """The folder of this key, locked, and whether another process had it before; removed when the body succeeds, kept when it fails.

    While another process works in it (an experiment that shares this stage, or what a killed run left over) this one waits, and `waits`
    is told.
    """
    folder, waited = root / key, False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not waited:
                waits(folder)
            waited = True
            fcntl.flock(handle, fcntl.LOCK_EX)
        if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
            break
        os.close(handle)  # who had it has removed it: the lock is of a folder that has no name any more
    try:
        yield folder, waited
        remove_folder(folder)
    finally:
        os.close(handle)


def memory_folder(root: Path, key: str, *, instead: Path) -> Path:
    """The folder of this key, for this process alone as long as it lives; what was kept under other keys is removed.

    Where another process has it, the folder `instead`: a memory saves time and changes nothing else.
    """
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go when the process ends
    except BlockingIOError:
        os.close(handle)
        own = instead
    else:
        own = root / key
        for other in root.iterdir():
            if other != own:
                remove_folder(other)
    own.mkdir(parents=True, exist_ok=True)
    return own.resolve()
