"""The table at the end of `make repro`: what each stage made, how well, and in how many seconds; then where to go on."""

import json
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import render
from rich.table import Table

from pipeline.report.headlines import NOT_RUN, tellings, work_of

METRICS, LOG = Path("metrics"), Path(".run/log")
PLAN, PAGE, FILES = Path("plan/settings.json"), Path("data/report/index.html"), Path("data/export")


def main() -> None:
    """Print the table of the last run."""
    console = Console(highlight=False)
    plan = read(PLAN) or {"stages": []}
    console.print(table([stage["name"] for stage in plan["stages"]], console.width))
    console.print()
    for line in ways_on():
        console.print(line, soft_wrap=True)


def table(stages: list[str], width: int) -> Table:
    """A row a stage, in the order of the data, and the sum of the seconds that are known; for so many columns."""
    times = {stage: seconds(stage) for stage in stages}
    grid = Table(show_footer=True, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("stage", footer="total", style="bold", no_wrap=True)
    grid.add_column("made")
    grid.add_column("telling numbers")
    total = sum(known for known in times.values() if known is not None)
    grid.add_column("last took, s", footer=f"{total:.1f}", justify="right", no_wrap=True)
    widest = max(map(len, stages), default=0), max((len(work_of(stage).makes) for stage in stages), default=0)
    room = width - sum(widest) - len("last took, s") - 6
    for stage in stages:
        work, metrics = work_of(stage), read(PAGE.parent / "numbers.json" if stage == "report" else METRICS / f"{stage}.json")
        if metrics is None:
            grid.add_row(stage, f"[dim]{NOT_RUN}[/dim]", "", "", style="dim")
            continue
        told = lines([f"[dim]{telling.name}[/dim] {telling.value}" for telling in tellings(stage, metrics)], room=room)
        known = times[stage]
        grid.add_row(stage, work.makes, told, "[dim]cached[/dim]" if known is None else f"{known:.1f}")
    return grid


def ways_on() -> list[str]:
    """Where the report and the files lie, and how to talk to the model."""
    lines = []
    if PAGE.is_file():
        lines.append(f"[dim]report[/dim]  {PAGE}")
    if FILES.is_dir():
        found = [path for path in FILES.glob("*/*") if path.suffix == ".gguf" or path.is_dir()]
        names = sorted(path.relative_to(FILES).as_posix() + "/" * path.is_dir() for path in found)
        lines.append(f"[dim]files[/dim]   {FILES}: {', '.join(names)}")
        lines.append("[dim]talk[/dim]    make chat")
    return lines or ["[dim]nothing to open yet:[/dim] make repro"]


def lines(tellings: list[str], *, room: int) -> str:
    """The tellings side by side as far as there is room, a number never parted from its name."""
    full: list[str] = []
    for telling in tellings:
        if full and cell_len(render(f"{full[-1]}  {telling}").plain) <= room:
            full[-1] += f"  {telling}"
        else:
            full.append(telling)
    return "\n".join(full)


def seconds(stage: str) -> float | None:
    """How long the stage took when it last ran on this machine; None where its result came from the cache."""
    log = read(LOG / f"{stage}.json")
    return None if log is None else float(log["seconds"])


def read(path: Path) -> Any:
    """The content of a JSON file; None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


if __name__ == "__main__":
    main()
