"""The experiments side by side: what each was told beyond conf/, and the headline figures that differ. `python -m apps.experiments`.

DVC's own table, `dvc exp show`, has a column for each parameter and each dependency too.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.core.errors import PipelineError
from pipeline.report.figures import ABSENT, text
from stages._words import told_words

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
    console = Console(highlight=False)
    shown = subprocess.run([sys.executable, "-m", "dvc", "exp", "show", "--json"], capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(f"experiments: {shown.stderr.strip()}\n  mend: they need a git repository: git init && git add . && git commit")
    runs = list(experiments(json.loads(shown.stdout)))
    if len(runs) < 2:
        console.print("no experiments yet; try one: dvc exp run -S align.dpo.beta=0.3")
        return
    console.print(table(runs))


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


def table(runs: list[Experiment]) -> Table:
    """A row an experiment, a column each of the figures that differ, as many as fit."""
    known = [run for run in runs if run.figures]
    names = list(dict.fromkeys(name for run in known for name in run.figures))
    differing = [name for name in names if len({repr(run.figures.get(name)) for run in known}) > 1]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("experiment")
    for name in differing[: _room(runs)]:
        grid.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        state = f" [dim]{run.state}[/dim]" if run.state else ""
        words = f"\n[dim]{escape(run.words)}[/dim]" if run.words else ""
        cells = [text(value) if (value := run.figures.get(name)) is not None else ABSENT for name in differing[: _room(runs)]]
        grid.add_row(f"[bold]{escape(run.name)}[/bold]{state}{words}", *cells)
    if not differing:
        grid.caption = "no headline figure differs"
    return grid


def _room(runs: list[Experiment]) -> int:
    """How many figures fit: 160 columns, less the names."""
    return (160 - min(60, max(max(len(run.name), len(run.words)) for run in runs)) - 2) // 12


if __name__ == "__main__":
    main()
