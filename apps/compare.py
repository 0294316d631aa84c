"""What differs between any number of runs: `python -m apps.compare A B …`, in the terminal, as a page and as CSV.

Each is a commit, branch, tag, experiment, `workspace`, the folder of a clone, or a run of W&B.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps import revisions
from pipeline.core.errors import PipelineError
from pipeline.report.blocks import excerpt
from pipeline.report.changes import KINDS, Changes, Example
from pipeline.report.compared import ComparedRun, Metric, Row
from pipeline.report.comparison import Comparison, briefly, comparison, counted, difference, noise_note, page, shown, table
from pipeline.report.figures import number
from pipeline.report.revisions import WORKSPACE

_EPILOG = """\
The data of a revision is read from DVC's cache (or fetched from its remote); nothing is checked out.
  python -m apps.compare HEAD~1               the last commit but one, and what lies in the folders
  python -m apps.compare main stricter-rules  a branch and an experiment (make experiments lists their names)
  python -m apps.compare HEAD 'beta-*'        a commit and all experiments of such names
  python -m apps.compare HEAD ../other        a commit and the folder of another clone
  python -m apps.compare HEAD .run/wandb      a commit and the offline runs of W&B; wandb:ENTITY/PROJECT/RUN is one online
"""
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}
_NAME, _CELL = 24, 26  # characters of a row's name, of a run's column at least
_ALSO = 24  # characters of what has the same values
_GAP, _MARGIN = 2, 4  # characters between columns, before a name at most
_INDENT = 10
_BETWEEN = ("./@:", "_-")  # the parts of a name; the parts of these


def main() -> None:
    """Read the runs, print what differs, write the page and the CSV."""
    options = arguments()
    try:
        runs = list(revisions.runs(options.runs or ["HEAD"]))
        if len(runs) == 1:
            runs += revisions.runs([WORKSPACE])
        found = comparison(runs, every=options.all, shown=options.examples)
    except PipelineError as fault:
        sys.exit(f"compare: {fault}")
    console = Console(highlight=False)
    name = _NAME if console.is_terminal else max(_NAME, _MARGIN + max(map(len, names_in(found)), default=0))  # whole in a file
    console.width = max(console.width, name + (_GAP + _CELL) * len(runs))  # narrower, a cell would be cut
    for part in told(found, options, console.width):
        console.print(part)
    for path, content in ((options.html, page(found, title="Comparison")), (options.csv, table(found))):
        path.write_text(content, encoding="utf-8")
    console.print(f"\n[dim]{options.html} and {options.csv} hold all of it[/dim]")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.compare",
        description="Tell what differs between runs: settings, code, data with its documents, metrics beyond noise, curves.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = f"each is compared with the first; one alone, or HEAD if none is named, with the {WORKSPACE}"
    parser.add_argument("runs", metavar="RUN", nargs="*", help=known)
    parser.add_argument("--all", action="store_true", help="what is equal too")
    parser.add_argument("--examples", type=int, default=3, help="documents shown of each kind of difference (default: 3)")
    parser.add_argument("--excerpt", type=int, default=120, help="characters of a quotation (default: 120)")
    parser.add_argument("--numbers", type=int, default=40, help="rows of each table in the terminal (default: 40)")
    parser.add_argument("--html", type=Path, default=Path("comparison.html"), help="the page (default: comparison.html)")
    parser.add_argument("--csv", type=Path, default=Path("comparison.csv"), help="the table (default: comparison.csv)")
    return parser.parse_args()


def told(found: Comparison, options: argparse.Namespace, width: int) -> Iterator[Any]:
    """The parts of what is printed, in so many columns of characters."""
    yield f"[bold]{escape(found.runs[0].name)}[/bold] → {', '.join(f'[bold]{escape(run.name)}[/bold]' for run in found.runs[1:])}"
    for title, rows in (("settings", found.settings), ("code", found.code), ("packages", found.packages), ("data", found.data)):
        yield values(title, rows, found.runs, most=options.numbers, width=width)
    for own in found.documents:
        yield f"\n[bold]documents[/bold] of {escape(own.run)}"
        for change in own.changes:
            yield stage(change, [example for name, example in own.examples if name == change.stage], options.excerpt)
    yield metrics(found.metrics, found.runs, most=options.numbers, width=width)


def names_in(found: Comparison) -> list[str]:
    """Of the rows of all tables."""
    rows: Sequence[Row | Metric] = [*found.settings, *found.code, *found.packages, *found.data, *found.metrics]
    return [row.name for row in rows]


def values(title: str, rows: Sequence[Row], runs: Sequence[ComparedRun], *, most: int, width: int) -> Group:
    """A row for each value, with a column a run; behind it what has the same values."""
    if not rows:
        return Group(f"\n[bold]{title}[/bold]  [dim]equal[/dim]")
    cells = [[escape(shown(value)) for value in row.values] for row in rows[:most]]
    room = room_for_names(cells, runs, width - (_ALSO + _GAP) * any(row.also for row in rows[:most]))
    names = [folded(row.name, room) for row in rows[:most]]
    grid = columns(title, runs, names)
    grid.add_column("")
    for row, name, own in zip(rows, names, cells, strict=False):
        grid.add_row(name, *own, f"[dim]{escape(briefly(row.also))}[/dim]" if row.also else "")
    return Group("", grid, *rest(len(rows), most))


def metrics(found: Sequence[Metric], runs: Sequence[ComparedRun], *, most: int, width: int) -> Group:
    """A row for each metric, stage by stage; of too many those in which runs differ by more than noise. Below, what that means."""
    if not found:
        return Group("\n[bold]metrics[/bold]  [dim]equal[/dim]")
    chosen = [found[place] for place in sorted(sorted(range(len(found)), key=lambda place: not found[place].telling)[:most])]
    cells = {id(metric): [cell(metric, place) for place in range(len(runs))] for metric in chosen}
    room = room_for_names(list(cells.values()), runs, width)
    names = {metric.name: folded(metric.name, room, indent=2) for metric in chosen}
    grid = columns("metrics", runs, names.values())
    for stage, own in groupby(chosen, key=lambda metric: metric.stage):
        grid.add_row(f"[dim]{escape(stage)}[/dim]")
        for metric in own:
            grid.add_row(names[metric.name], *cells[id(metric)])
    return Group("", grid, *rest(len(found), most), f"[dim]Bold: more than noise. {noise_note(found)}.[/dim]")


def room_for_names(cells: Sequence[Sequence[str]], runs: Sequence[ComparedRun], width: int) -> int:
    """The characters that the columns of the runs leave for the first."""
    taken = [max(map(longest, own)) for own in zip(*cells, strict=True)]
    return max(_NAME, width - sum(max(len(run.name), most) + _GAP for run, most in zip(runs, taken, strict=True)))


def folded(name: str, width: int, *, indent: int = 0) -> str:
    """A name of several parts in lines of at most so many characters; it goes on behind a dot, a slash or the like, set in."""
    lines, room = [], width - indent
    while len(name) > room:
        at = next((at for signs in _BETWEEN if (at := max(name.rfind(sign, room // 3, room) for sign in signs) + 1)), room)
        lines.append(" " * indent + name[:at])
        name, indent = name[at:], indent + 2 * (len(lines) == 1)
        room = width - indent
    return escape("\n".join([*lines, " " * indent + name]))


def cell(metric: Metric, place: int) -> str:
    """The value with its interval; below, by how much it differs from the first run's."""
    value, bounds, apart = escape(shown(metric.values[place])), metric.bounds[place], metric.apart[place]
    if bounds is not None:
        value += escape(f" [{shown(bounds[0])}, {shown(bounds[1])}]")
    if apart is None:
        return value
    by = escape(difference(apart))
    return f"{value}\n[bold]{by}[/bold]" if apart.noise is False else f"{value}\n[dim]{by}[/dim]"


def columns(title: str, runs: Sequence[ComparedRun], names: Iterable[str]) -> Table:
    """An empty table with a column for these names and one for each run."""
    grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    grid.add_column(f"[not dim bold]{title}[/]", min_width=max(map(longest, names), default=0))
    for run in runs:
        grid.add_column(escape(run.name), overflow="fold")
    return grid


def longest(text: str) -> int:
    """The characters of the longest line of a text with marks."""
    return max(map(len, Text.from_markup(text).plain.split("\n")))


def rest(amount: int, most: int) -> list[str]:
    """That there are more rows."""
    return [f"[dim]and {number(amount - most)} more: --numbers {amount}[/dim]"] if amount > most else []


def stage(change: Changes, examples: Sequence[Example], most: int) -> Group:
    """How many documents of a stage differ, why, and some of them."""
    head = f"[bold]{change.stage:{_INDENT - 1}}[/bold]"
    if change.equal or change.absent or not change.differences.num_rows:
        return Group(f"{head} [dim]{'equal' if change.equal else escape(change.absent) or 'the same documents'}[/dim]")
    blocks: list[Any] = [f"{head} {', '.join(counted(change))}"]
    for kind in KINDS:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for reason, count in change.reasons(kind):
            grid.add_row(f"[{_COLOURS[kind]}]{kind}[/]", number(count), escape(reason))
        for example in examples:
            if example.kind == kind:
                grid.add_row("", "", f"[dim]{escape(example.id)}[/dim] {quoted(example, most)}")
        blocks += [Padding(grid, (0, 0, 0, _INDENT))] * bool(grid.rows)
    return Group(*blocks)


def quoted(example: Example, most: int) -> str:
    """The text that is gone and the text that is new."""
    olds = f"[red]− {escape(excerpt(example.old, most))}[/red]" if example.old and example.kind != "moved" else ""
    news = f"[green]+ {escape(excerpt(example.new, most))}[/green]" if example.new and example.kind != "moved" else ""
    return "\n".join(filter(None, (olds, news)))


if __name__ == "__main__":
    main()
