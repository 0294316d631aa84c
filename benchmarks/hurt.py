"""Hurt the product on purpose and count what comes of it. Prints a table and adds a dated JSON file to benchmarks/results/.

python -m benchmarks.hurt [artifacts] [cache] [disk] [twins] [kills]      all of them by default; half an hour on two cores

Every hurt is one of a clone at size=smoke: bits flipped, files halved, emptied, deleted, in every artifact of the workspace and in every
object of DVC's cache; full disks (where the system lets us mount one); two runs at once; runs that are killed at random moments.
"""

import dataclasses
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clones import ROOT
from benchmarks.hurts import HOWS, Outcome, Site, artifact, both, cached, fresh, full_disk, killed, twins
from pipeline.core.progress import progress

RESULTS = ROOT / "benchmarks" / "results"
SIZE, SEED = "smoke", 1
KILLS, LONGEST_S = 40, 12.0
DISKS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of what the chain adds to a clone
TEXT = ("corpus", "clean", "dedup", "split", "tokenizer")  # stages that make their artifact again in seconds
MB, PAGE = 1 << 20, 1 << 12

Rows = Iterator[tuple[str, Outcome]]


def main() -> None:
    """All ways to be hurt, or those that are named; fails where one was silent, showed a traceback or got stuck."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us in the background has us, and all of ours, ignore it
    chosen = sys.argv[1:] or list(WAYS)
    if unknown := set(chosen) - set(WAYS):
        sys.exit(f"hurt: there is no {', '.join(sorted(unknown))}\n  mend: one or more of {', '.join(WAYS)}")
    found: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        site = fresh(Path(folder) / "site", size=SIZE)
        if site.repro().code != 0:
            sys.exit("hurt: the chain does not run here\n  mend: make smoke")
        for way in chosen:
            for name, one in WAYS[way](site, random.Random(SEED)):
                found[name] = found.get(name, Outcome()) + one
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"hurt-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M}.json"
    path.write_text(json.dumps({name: dataclasses.asdict(one) for name, one in found.items()}, indent=2) + "\n")
    show(found)
    unequal = [name for name, one in found.items() if name != "kills" and one.equal < one.tried]  # kills are compared at the end of a chain
    if unequal or any(one.silent or one.tracebacks or one.stuck for one in found.values()):
        sys.exit(1)


def artifacts(site: Site, draw: random.Random) -> Rows:
    """One file of every artifact, in every way."""
    for place, how in progress([(place, how) for place in site.outs() for how in HOWS], "artifacts"):
        yield f"artifact, {how}", artifact(site, place, how, draw)


def cache(site: Site, draw: random.Random) -> Rows:
    """Every object of the cache, in every way; then objects whose copy in the workspace is as damaged."""
    for how in progress(HOWS[:3], "cache"):
        yield f"cache object, {how}", cached(site, how, draw)
    for stage, how in progress([(stage, how) for stage in TEXT for how in HOWS], "cache and workspace"):
        yield f"object and copy, {how}", both(site, stage, how, draw)


def disk(site: Site, draw: random.Random) -> Rows:
    """Disks of five sizes, each a file system in memory."""
    whole = taken(site.folder)
    for share in progress(DISKS, "disks"):
        with tempfile.TemporaryDirectory() as folder:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True).returncode:
                Console().print("[dim]disks: no file system can be mounted here; left out[/dim]")
                return
            try:
                yield "full disk", full_disk(*maker(Path(folder), share=share, whole=whole), site.lock)
            finally:
                subprocess.run(["umount", "--lazy", folder], check=False)


def maker(folder: Path, *, share: float, whole: int) -> tuple[Callable[[], Site], Callable[[], None]]:
    """What makes a clone on a disk with room for a share of the chain, and what makes room for all of it; `whole`: MB of a finished one."""

    def resize(megabytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(folder)], check=True)

    def make() -> Site:
        resize(4 * whole)
        site = fresh(folder / "site", size=SIZE)
        own = taken(site.folder)
        resize(own + max(1, int(share * (whole - own))))
        return site

    return make, lambda: resize(4 * whole)


def taken(folder: Path) -> int:
    """MB of all files below a folder, in whole pages."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if not path.is_symlink()) // MB + 1


def two_runs(site: Site, draw: random.Random) -> Rows:
    """Two runs at once."""
    yield "two runs at once", twins(site, site.lock)


def kills(site: Site, draw: random.Random) -> Rows:
    """So many kills, by -9, TERM and Ctrl-C."""
    for one in progress(killed(site, site.lock, KILLS, draw, longest_s=LONGEST_S), "kills"):
        yield ("kills" if one.tried else "chains that were killed"), one


WAYS: dict[str, Callable[[Site, random.Random], Rows]] = {
    "artifacts": artifacts,
    "cache": cache,
    "disk": disk,
    "twins": two_runs,
    "kills": kills,
}


def show(found: dict[str, Outcome]) -> None:
    """The counts as a table."""
    names = [field.name for field in dataclasses.fields(Outcome)]
    table = Table("", *names, title=f"hurt on purpose, size={SIZE}, {os.cpu_count()} cores")
    for name, one in found.items():
        table.add_row(name, *(str(getattr(one, field)) for field in names))
    Console().print(table)


if __name__ == "__main__":
    main()
