"""`make logs`: the last run of each stage; `make logs STAGE=sft`: what it said."""

import argparse
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.core.files import read_json
from pipeline.core.progress import clock

LOG = Path(".run/log")
BEGIN = " INFO begin"


def main() -> None:
    """The list, or one log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="?", help="sft, align/dpo (align@dpo and align.dpo are the same)")
    name = parser.parse_args().stage
    if name is None:
        Console(highlight=False).print(table())
        return
    file = LOG / f"{name.replace('@', '/').replace('.', '/')}.log"
    if not file.is_file():
        sys.exit(f"{name} has left no log\n  mend: one of {', '.join(names()) or 'none: make repro writes them'}")
    sys.stdout.writelines(last_run(file))


def names() -> list[str]:
    """The stages that have left a log, in the order of their last words."""
    return [path.relative_to(LOG).with_suffix("").as_posix() for path in sorted(LOG.rglob("*.log"), key=lambda path: path.stat().st_mtime)]


def last_run(file: Path) -> Iterator[str]:
    """The lines from where the stage began last: a log holds all its runs."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        start = max((number for number, line in enumerate(lines) if line.rstrip().endswith(BEGIN)), default=0)
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line for number, line in enumerate(lines) if number >= start)


def table() -> Table:
    """When each stage spoke last, how long it took, and its last words."""
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("stage", "when", "took", "last words"):
        grid.add_column(column, no_wrap=True, overflow="ellipsis")
    for name in names():
        file, kept = LOG / f"{name}.log", LOG / f"{name}.json"
        words = ([*last_run(file)] or [""])[-1]
        when = datetime.datetime.fromtimestamp(file.stat().st_mtime).astimezone()
        took = clock(read_json(kept)["seconds"]) if kept.is_file() else ""
        grid.add_row(name, f"{when:%Y-%m-%d %H:%M}", took, " ".join(words.split()[2:])[:80])
    return grid


if __name__ == "__main__":
    main()
