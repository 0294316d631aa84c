"""The experiments side by side: what each was told beyond conf/, and the headline figures that differ. `python -m apps.experiments`.

DVC's own table, `dvc exp show`, has a column for each parameter and each dependency too.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.core.errors import PipelineError
from pipeline.report.figures import text
from stages._words import told_words

_TERMINAL, _WIDEST = 160, 60  # columns: where nobody looks; of the names and words
METRICS, PARAMS = "metrics.json", "params.yaml"


@dataclass(frozen=True)
class Experiment:
    """One run: its name, what it was told, and its figures by name; `state` where it has not ended."""

    name: str
    words: str
    figures: Mapping[str, float | int | None]
    state: str


def main() -> None:
    """Print the table; the words stand below the names, so that it fits a terminal."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _TERMINAL)
    shown = subprocess.run([sys.executable, "-m", "dvc", "exp", "show", "--json"], capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(f"experiments: {shown.stderr.strip()}\n  mend: they need a git repository: git init && git add . && git commit")
    runs = list(experiments(json.loads(shown.stdout)))
    if len(runs) < 2:
        console.print("no experiments yet; try one: .venv/bin/dvc exp run -S align.dpo.beta=0.3")
        return
    console.print(table(runs, console.width))


def experiments(rows: list[dict[str, Any]]) -> Iterator[Experiment]:
    """The commit at hand, then its experiments, oldest last, as DVC lists them."""
    for row in rows:
        if row["rev"] == "workspace":
            continue
        yield experiment(row["name"] or row["rev"][:7], row.get("data"), "")
        for run in row.get("experiments") or ():
            executor = run.get("executor") or {}
            state = (executor.get("state") or "").lower()
            one = run["revs"][0]
            yield experiment(one.get("name") or one["rev"][:7], one.get("data"), "" if state == "success" else state)


def experiment(name: str, data: Mapping[str, Any] | None, state: str) -> Experiment:
    """What DVC knows of one."""

    def content(kind: str, path: str) -> Any:
        return (((data or {}).get(kind) or {}).get(path) or {}).get("data")

    settings, figures = content("params", PARAMS), content("metrics", METRICS)
    try:
        words = " ".join(told_words(settings)) if settings else ""
    except PipelineError:  # of another version of conf/
        words = "(of another conf/)"
    flat = {f"{group}.{key}": value for group, row in (figures or {}).items() for key, value in row.items()}
    return Experiment(name, words, flat, state)


def table(runs: list[Experiment], width: int) -> Table:
    """A row an experiment, a column each of the figures that differ, as many as fit."""
    known = [run for run in runs if run.figures]
    names = list(dict.fromkeys(name for run in known for name in run.figures))
    differing = [name for name in names if len({repr(run.figures.get(name)) for run in known}) > 1]
    told = {name: column([run.figures.get(name) for run in runs]) for name in differing}
    first = min(_WIDEST, max(max(len(run.name) + len(run.state) + 1, len(run.words)) for run in runs))
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("experiment", min_width=first, max_width=first)
    shown: list[str] = []
    room = width - first - 2
    for name in differing:
        room -= max(len(name), *map(len, told[name])) + 2
        if room >= 0:
            shown.append(name)
            grid.add_column(name, justify="right", no_wrap=True)
    for place, run in enumerate(runs):
        state = f" [dim]{run.state}[/dim]" if run.state else ""
        words = f"\n[dim]{escape(run.words)}[/dim]" if run.words else ""
        grid.add_row(f"[bold]{escape(run.name)}[/bold]{state}{words}", *(told[name][place] for name in shown))
    if len(shown) < len(differing):
        grid.caption = f"and {len(differing) - len(shown)} figures more: .venv/bin/dvc exp show"
    elif not differing:
        grid.caption = "no headline figure differs"
    return grid


def column(values: Sequence[float | int | None]) -> list[str]:
    """As people read them; where that makes two different ones alike, with all digits that metrics.json has."""
    read = [text(value) for value in values]
    return read if len(set(read)) == len(set(values)) else [text(value) if value is None else f"{value:,}" for value in values]


if __name__ == "__main__":
    main()
