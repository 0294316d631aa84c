"""Where work in progress survives a kill: one folder a key, held by one process at a time.

The key stands for everything that the work depends on, so that another setting, another source
file or another input can never resume what is not its own.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import PipelineError

_KEY_LENGTH = 16  # hex digits: 64 bits


def key_of(*parts: Any) -> str:
    """A short name for the parts (JSON values); any change in any of them is another name."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_KEY_LENGTH]


@contextmanager
def scratch_folder(root: Path, key: str) -> Iterator[Path]:
    """The folder of this key, locked. It is removed when the body succeeds and kept when it fails.

    PipelineError when another process works in it (an orphan of a killed run, or a second copy).
    """
    folder = root / key
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise PipelineError(
                f"another process is at work in {folder}, perhaps left over from a killed run",
                mend=f"wait for it, or find it with `fuser {folder}` and stop it",
            ) from fault
        yield folder
        shutil.rmtree(folder)
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
                shutil.rmtree(other, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    return own.resolve()
