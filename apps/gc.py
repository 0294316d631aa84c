"""`make gc`: what lies on the disk, and what of it no run needs any more; `make gc FREE=1` removes that.

Kept is all that the workspace, any commit or any experiment names (`--keep workspace`: only what the workspace names). Beside DVC's cache,
.run/ holds the unfinished work of killed runs, results that spare the next run work, and what `make heal` took out
of the cache: it goes when nobody has touched it for so many days. Nothing else is looked at.
"""

import argparse
import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from apps.held import Held, named
from apps.held import held as held_by_run
from pipeline.core.owned import remove_file, remove_folder
from pipeline.doctor.finding import size

RUN, CACHE, DATA = Path(".run"), Path(".dvc/cache"), Path("data")
QUEUE = Path(".dvc/tmp/queue.lock")  # held by make queue
SPARED = {"log", "notes", "numba"}  # folders of .run/ that are small, or of the code that is here
WHOLE = {"damaged"}  # that go as one
KEEPS = ("all", "workspace")
DAY_S = 86400
MOST_RUNS = 15  # that are shown, those first that hold most by themselves
KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Left:
    """A folder that nobody has touched for long."""

    path: Path
    bytes: int
    days: float


def main() -> None:
    """Show, and remove if told to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--free", action="store_true", help="remove what is shown")
    parser.add_argument("--keep", choices=KEEPS, default="all", help="all: the workspace's, all commits' and all experiments'")
    parser.add_argument("--days", type=float, default=7.0, help="how long leftovers of .run/ have lain untouched")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    in_git = subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True, check=False).returncode == 0
    refuse_shared()
    objects, leftovers = unused(all_runs=in_git and options.keep == "all"), list(left(RUN, days=options.days))
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, justify in (("", "left"), ("is", "right"), ("would go", "right")):
        grid.add_column(column, justify=justify)  # type: ignore[arg-type]
    grid.add_row("data/, the workspace", size(bytes_in(DATA)), "")
    grid.add_row("DVC's cache, all runs", size(bytes_in(CACHE)), size(sum(path.stat().st_size for path in objects)))
    grid.add_row(".run/, work in progress", size(bytes_in(RUN)), size(sum(one.bytes for one in leftovers)))
    console.print(grid)
    if runs := held_by_run(CACHE, in_git=in_git):
        console.print("", by_run(runs), "", sep="\n")
    for one in leftovers:
        console.print(f"  {one.path}: {size(one.bytes)}, untouched for {one.days:.0f} days")
    if not objects and not leftovers:
        console.print("nothing to remove")
    elif not options.free:
        console.print(f"{len(objects)} objects and {len(leftovers)} folders would go; nothing was removed: make gc FREE=1 does")
    else:
        refuse_running()
        for path in objects:
            remove_file(path)
        for one in leftovers:
            if not held(one.path):
                remove_folder(one.path)
        console.print(f"removed {len(objects)} objects of the cache and {len(leftovers)} folders")


def by_run(runs: Sequence[Held]) -> Table:
    """What each holds of the cache, and what would go with it alone."""
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, justify in (("run", "left"), ("holds", "right"), ("no other does", "right")):
        grid.add_column(column, justify=justify)  # type: ignore[arg-type]
    for run in runs[:MOST_RUNS]:
        grid.add_row(run.name, size(run.all), size(run.own))
    if rest := runs[MOST_RUNS:]:
        grid.add_row(f"{len(rest)} more", "", size(sum(run.own for run in rest)))
    return grid


def refuse_shared() -> None:
    """End where the cache is not this clone's own: others may need what nothing here names."""
    where = Path(dvc("cache", "dir").strip())
    if where.resolve() != CACHE.resolve():
        mend = ".venv/bin/dvc gc --workspace --all-commits --projects OTHER_CLONE, with every clone named"
        sys.exit(f"gc: the cache {where} may be shared\n  mend: {mend}")


def refuse_running() -> None:
    """End while a queue runs: what its experiments have made so far stands in no commit."""
    if QUEUE.is_file() and locked(QUEUE):
        sys.exit("gc: experiments of the queue are running\n  mend: wait for make queue to end")


def unused(*, all_runs: bool) -> list[Path]:
    """The objects of DVC's cache that nothing names which is kept."""
    needed = named(CACHE, all_runs=all_runs)
    return [path for path in sorted((CACHE / "files/md5").glob("??/*")) if path.is_file() and path.parent.name + path.name not in needed]


def dvc(*words: str) -> str:
    """What a command of DVC says."""
    done = subprocess.run([str(Path(sys.executable).parent / "dvc"), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr.strip()}\n  mend: see above; make heal mends a dvc.lock that a kill cut short")
    return done.stdout


def left(run: Path, *, days: float) -> Iterator[Left]:
    """What lies in .run/ and was touched last so many days ago; what a process holds is never among it."""
    for folder in keyed(run):
        touched = max((path.stat().st_mtime for path in (folder, *folder.rglob("*")) if path.exists()), default=0.0)
        age = (time.time() - touched) / DAY_S
        if age >= days and not held(folder):
            yield Left(folder, bytes_in(folder), age)


def keyed(run: Path) -> Iterator[Path]:
    """Folders that go as one: those named by a key, of stages and of results that are remembered; and damaged objects."""
    for folder in sorted(path for path in run.rglob("*") if path.is_dir() and path.relative_to(run).parts[0] not in SPARED):
        above = folder.relative_to(run).parts[:-1]
        if (folder.relative_to(run).as_posix() in WHOLE or KEY.fullmatch(folder.name)) and not any(map(KEY.fullmatch, above)):
            yield folder


def held(folder: Path) -> bool:
    """Whether a process works in it: it holds the folder, or the one above, by flock (core/scratch)."""
    return locked(folder) or locked(folder.parent)


def locked(path: Path) -> bool:
    """Whether another process has it by flock."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def bytes_in(folder: Path) -> int:
    """Of all its files."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
