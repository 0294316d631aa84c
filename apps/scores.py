"""Which scores of two experiments differ by more than noise: `python -m apps.scores A B`, item by item.

Each is a commit, branch, tag, experiment, `workspace`, or the folder of a clone. With a list of runs of other seeds on both sides, A1,A2,A3
B1,B2,B3, they pair in their order, and the mean difference over seeds and items is told.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apps.revisions import FOLDER, revision
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.differences import Difference
from pipeline.evaluate.pooled import Pooled, Run, apart, pooled
from pipeline.report.figures import fixed
from pipeline.report.revisions import ANSWERS, EVALUATE, WORKSPACE

_WIDEST = 130  # characters of a row
DRAWS = Bootstrap(1000, 1)


def main() -> None:
    """Read the items' scores of both sides, pair them, print a table a model."""
    options = arguments()
    console = Console(highlight=False)
    console.width = max(console.width, _WIDEST)  # narrower, a cell would be cut
    try:
        old, new = ([run(name) for name in names.split(",")] for names in (options.old, options.new))
        single = len(old) == len(new) == 1
        found: list[Any] = list(single_rows(old[0], new[0])) if single else [(one.model, one) for one in pooled(old, new)]
    except PipelineError as fault:
        sys.exit(f"scores: {fault}")
    if not found:
        console.print("\n[bold]scores[/bold]  [dim]no item was asked of a model of both[/dim]", soft_wrap=True)
        return
    console.print(table(found, seeds=len(old)))
    console.print(f"[dim]{options.new} less {options.old}; 95% intervals, bold: more than noise[/dim]", soft_wrap=True)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.scores", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", metavar="A", nargs="?", default="HEAD", help="a revision or folder, or several with commas (default: HEAD)")
    parser.add_argument("new", metavar="B", nargs="?", default=WORKSPACE, help=f"likewise (default: {WORKSPACE})")
    return parser.parse_args()


def run(name: str) -> Run:
    """The records of each model of a run, as far as DVC's cache has them. InputError where a folder holds none."""
    own = revision(name)
    found = own.records(own.models())
    if not found and own.origin == FOLDER:
        raise InputError(f"{name} has no {EVALUATE}/MODEL/{ANSWERS}", mend=f"the folder of a clone whose chain has run, or {WORKSPACE}")
    return found


def single_rows(old: Run, new: Run) -> Iterator[tuple[str, Difference]]:
    """Of one run and one other."""
    return chain.from_iterable(((model, one) for one in some) for model, some in apart(old, new, DRAWS).items())


def table(found: Sequence[tuple[str, Difference | Pooled]], *, seeds: int) -> Table:
    """A row for each model and task."""
    title = f"scores, {seeds} seeds of each" if seeds > 1 else "scores, item by item"
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=f"\n{title}", title_justify="left")
    heads = ("model", "task", "metric", "difference", "95%", "p", "items", *([] if seeds > 1 else ["would show"]))
    for head in heads:
        grid.add_column(head, justify="left" if head in ("model", "task", "metric") else "right")
    for model, one in found:
        value = f"{one.value:+.3f}"
        cells = [escape(model), escape(one.task), one.metric, value if one.noise else f"[bold]{value}[/bold]"]
        cells += [f"{one.low:+.3f} – {one.high:+.3f}", fixed(one.p), str(one.n)]
        grid.add_row(*cells, *([fixed(one.smallest)] if isinstance(one, Difference) else []))
    return grid


if __name__ == "__main__":
    main()
