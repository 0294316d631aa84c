"""Heal ./dvc.lock where a kill cut it short while DVC wrote it, and say so; with `--keep`, keep a copy of a whole one for that.

Nothing is done while another dvc is at work here: what looks torn may be half written.
"""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.lockfile import heal, keep

LOCK, COPY = Path("dvc.lock"), Path(".run/dvc.lock")
BUSY = Path(".dvc/tmp/lock")  # dvc holds it by flock while it reads and writes, not while a stage runs


def main() -> None:
    """Keep a copy, or heal."""
    with alone() as free:
        if not free:
            return
        if "--keep" in sys.argv:
            keep(LOCK, COPY)
        elif told := heal(LOCK, COPY, committed()):
            print(told)


@contextmanager
def alone() -> Iterator[bool]:
    """Hold off every other dvc for a moment; False where one is at work already."""
    if not BUSY.exists():
        yield True
        return
    with BUSY.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def committed() -> str | None:
    """The lock as git has it; None without git, or where it has none."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:./{LOCK}"], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return shown.stdout.decode(errors="surrogateescape") if shown.returncode == 0 else None


if __name__ == "__main__":
    main()
