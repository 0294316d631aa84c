"""`make logs`: the last run of each stage; `make logs STAGE=sft`: what it said."""

import argparse
import datetime
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.core.files import read_json
from pipeline.core.progress import clock

LOG = Path(".run/log")
BEGIN = " INFO begin"
GAP, WORDS, FEW = 2, 80, 20  # columns of a terminal: between, of last words at most and at least
RANK = re.compile(r"-rank\d*$")
SECONDS = len("2026-01-01 10:00:00")


def main() -> None:
    """The list, or one log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="?", help="sft, align/dpo (align@dpo and align.dpo are the same)")
    name = parser.parse_args().stage
    if name is None:
        console = Console(highlight=False)
        console.print(table(console.width))
        return
    file = LOG / f"{name.replace('@', '/').replace('.', '/')}.log"
    if not file.is_file():
        sys.exit(f"{name} has left no log\n  mend: one of {', '.join(names()) or 'none: make repro writes them'}")
    sys.stdout.writelines(last_run(file))
    if others := ranks_of(file):
        print(f"the other ranks: make logs STAGE={others[0]}{' …' if len(others) > 1 else ''}", file=sys.stderr)


def names() -> list[str]:
    """The stages that have left a log, in the order of their last words; each with the other ranks of its last run behind it."""
    files = [path for path in LOG.rglob("*.log") if not RANK.search(path.stem)]
    return [name for file in sorted(files, key=lambda path: path.stat().st_mtime) for name in (name_of(file), *ranks_of(file))]


def name_of(file: Path) -> str:
    """The stage, or its rank, that writes a log."""
    return file.relative_to(LOG).with_suffix("").as_posix()


def ranks_of(file: Path) -> list[str]:
    """The other ranks of a stage's last run, which one of several processes may have been."""
    begun = next(last_run(file), "")[:SECONDS]
    others = [path for path in file.parent.glob(f"{file.stem}-rank*.log") if f"{spoken(path):%Y-%m-%d %H:%M:%S}" >= begun]
    return [name_of(path) for path in sorted(others, key=lambda path: (len(path.name), path.name))]


def spoken(file: Path) -> datetime.datetime:
    """When a log was written to last."""
    return datetime.datetime.fromtimestamp(file.stat().st_mtime).astimezone()


def last_run(file: Path) -> Iterator[str]:
    """The lines from where the stage began last: a log holds all its runs."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        start = max((number for number, line in enumerate(lines) if line.rstrip().endswith(BEGIN)), default=0)
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line for number, line in enumerate(lines) if number >= start)


def table(width: int) -> Table:
    """When each stage spoke last, how long it took, and as much of its last words as there is room for."""
    rows = []
    for name in names():
        file, kept = LOG / f"{name}.log", LOG / f"{name}.json"
        words = ([*last_run(file)] or [""])[-1]
        took = clock(read_json(kept)["seconds"]) if kept.is_file() else ""
        rows.append((name, f"{spoken(file):%Y-%m-%d %H:%M}", took, " ".join(words.split()[2:])))
    room = width - sum(max(map(len, column)) + GAP for column in [*zip(*rows, strict=True)][:-1])
    grid = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for column in ("stage", "when", "took", "last words"):
        grid.add_column(column, no_wrap=True)
    for *row, words in rows:
        most = min(WORDS, max(room, FEW))
        grid.add_row(*row, words if len(words) <= most else f"{words[: most - 1]}…")
    return grid


if __name__ == "__main__":
    main()
