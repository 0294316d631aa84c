"""Numbers that pass: seconds, tokens a second, memory, cost, energy. They stand in no file that must be equal in every clone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.files import read_json
from pipeline.report.blocks import Absent, Block, Figures, Section, Table
from pipeline.report.charts import Curve, line_chart
from pipeline.report.figures import number, size

_STEP = re.compile(r" step=(\d+) .*?tokens_per_second=([\d.e+]+)")
_BEGIN = "INFO begin"


def logged(logs: Path) -> list[dict[str, Any]]:
    """What the last run of each stage noted of itself, by name of the stage; nothing where there are no logs."""
    found = [read_json(path) for path in sorted(logs.rglob("*.json"))] if logs.is_dir() else []
    return [run for run in found if isinstance(run, dict) and "seconds" in run]


def making_of(runs: Sequence[Mapping[str, Any]], *, price: float | None, watts: float | None) -> Iterator[str]:
    """On what, how long, and what that cost: `price` in $ an hour, `watts` of the machine."""
    hours = sum(run["seconds"] for run in runs) / 3600
    yield "; ".join(sorted({f"{run['hardware']['device']}, {run['machine']}, Python {run['python']}" for run in runs}))
    yield f"{hours:.2f} hours in {len(runs)} stages, by the clock"
    yield f"cost: {f'about ${hours * price:.2f} at ${price:g} an hour' if price else 'not stated'}"
    yield f"energy: {f'about {hours * watts / 1000:.3f} kWh at {watts:g} W (an estimate, not measured)' if watts else 'not stated'}"


def passing_section(logs: Path, stages: Sequence[str], *, price: float | None, watts: float | None) -> Section:
    """A chapter for the page of one machine; `stages` in the order of the data."""
    return Section(
        "machine",
        "On this machine",
        "What passes: another machine, another number. Each stage by its last run here.",
        list(_blocks(logs, stages, price=price, watts=watts)),
    )


def speeds(log: Path) -> list[tuple[float, float]]:
    """(step, tokens a second) of the last run that trained, from the lines of a stage's log."""
    last: list[tuple[float, float]] = []
    anew = True
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        if line.endswith(_BEGIN):
            anew = True
        elif found := _STEP.search(line):
            last = [*([] if anew else last), (float(found[1]), float(found[2]))]
            anew = False
    return last


def _blocks(logs: Path, stages: Sequence[str], *, price: float | None, watts: float | None) -> Iterator[Block]:
    by_stage = {str(run["stage"]): run for run in logged(logs)}
    runs = [by_stage[stage] for stage in stages if stage in by_stage]
    if not runs:
        yield Absent("Seconds, memory, cost and energy", f"there are no logs of a run in {logs.name}")
        return
    rows = [
        (run["stage"], f"{run['seconds']:.1f}", number(run.get("cpu_seconds")), size(run.get("peak_megabytes", 0) * 1e6)) for run in runs
    ]
    note = ". ".join(making_of(runs, price=price, watts=watts)) + "."
    yield Table("Time and memory", ("", "seconds", "CPU seconds", "peak memory"), rows, note)
    curves = [Curve(stage, found) for stage in stages if len(found := speeds(logs / f"{stage}.log")) > 1]
    if curves:
        charts = [line_chart([curve], title=f"{curve.name}: tokens a second", x="step", levels=[], log=False) for curve in curves]
        yield Figures(charts)
