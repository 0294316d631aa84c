"""Heal ./dvc.lock where a kill cut it short while DVC wrote it, and say so; with `--keep`, keep a copy of a whole one for that.

DVC's list of the stages at work, .dvc/tmp/rwlock, is written in place too, and stops every command when it was cut short: it is put aside.

With `--cache`, look also at every object of DVC's cache that dvc.lock names: the damaged are brought back from the workspace or a remote;
what neither has, a stage makes again, which is told.

Nothing is done while another dvc is at work here: what looks torn may be half written.
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipeline.core.cache import Healed, heal_cache, stored
from pipeline.core.errors import PipelineError
from pipeline.core.lockfile import heal, keep
from pipeline.core.progress import progress

LOCK, COPY = Path("dvc.lock"), Path(".run/dvc.lock")
ASIDE = Path(".run/damaged")  # objects that were taken out
BUSY = Path(".dvc/tmp/lock")  # dvc holds it by flock while it reads and writes, not while a stage runs
AT_WORK = Path(".dvc/tmp/rwlock")  # JSON; a second lock guards what is written there
GUARD = Path(".dvc/tmp/rwlock.lock")


def main() -> None:
    """Keep a copy of the lock, or heal."""
    looks = "--cache" in sys.argv
    with alone() as free:
        if not free:
            if looks:
                sys.exit("another dvc is at work here; run again when it has ended")
            return
        if "--keep" in sys.argv:
            keep(LOCK, COPY)
        else:
            for told in (heal(LOCK, COPY, committed()), put_aside()):
                if told:
                    print(told)
        if not looks:
            return
        try:
            healed = heal_cache(progress(list(stored(LOCK, cache())), "cache"), ASIDE)
        except PipelineError as fault:
            sys.exit(str(fault))
    missing = bring_back(healed) if healed.lost else []
    for line in lines(healed, missing):
        print(line)


def put_aside() -> str | None:
    """Take DVC's list of stages at work away if it was cut short, and say so. Who was named there is dead, or will write a new one."""
    with held(GUARD) as free:
        if not free or not AT_WORK.is_file() or _is_json(AT_WORK.read_text(errors="replace")):
            return None
        ASIDE.mkdir(parents=True, exist_ok=True)
        AT_WORK.replace(ASIDE / AT_WORK.name)
    return f"{AT_WORK} was cut short; it is in {ASIDE} now, and dvc goes on without it"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def lines(healed: Healed, missing: Sequence[str]) -> Iterator[str]:
    """What was found, a sentence each."""
    found = len(healed.lost) + len(healed.restored)
    yield f"{healed.checked} objects of the cache: {f'damaged: {found}, kept in {ASIDE}' if found else 'all whole'}"
    if healed.restored:
        yield f"restored from the workspace: {', '.join(str(one.place) for one in healed.restored)}"
    if healed.lost:
        yield f"taken out: {', '.join(str(one.place) for one in healed.lost)}"
    if healed.lost and not missing:
        yield "a remote had all of it"
    if missing:  # not run from here: dvc would also replace what you may have changed in their folders
        yield f"made again by: .venv/bin/dvc repro {' '.join(missing)}"
    for place in healed.changed:
        yield (
            f"{place} is not what dvc.lock says; `make repro` makes it again,"
            f" `.venv/bin/dvc checkout --force {place}` puts back what the cache has"
        )


def bring_back(healed: Healed) -> list[str]:
    """Fetch what a remote has of what was lost, and name the stages that still miss something."""
    if dvc("remote", "list").stdout.strip():
        dvc("fetch", *healed.stages)
        for place in sorted({str(one.place) for one in healed.lost if one.path.is_file() and not one.place.exists()}):
            dvc("checkout", place)
    return list(dict.fromkeys(one.stage for one in healed.lost if not (one.path.is_file() and one.place.exists())))


def cache() -> Path:
    """The folder of DVC's objects."""
    return Path(dvc("cache", "dir").stdout.strip() or ".dvc/cache")


def dvc(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of DVC; what it says is not shown."""
    return subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=False)


def alone() -> AbstractContextManager[bool]:
    """Hold off every other dvc for a moment; False where one is at work already."""
    return held(BUSY)


@contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Hold a lock of DVC; False where another has it."""
    if not lock.exists():
        yield True
        return
    with lock.open() as handle:
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
