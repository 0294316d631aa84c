"""What differs between any number of runs: values, files of code, bytes of data, metrics. Each run is compared with the first.

runs R
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeline.core.intervals import Bootstrap
from pipeline.core.local import APART
from pipeline.core.nested import flat
from pipeline.evaluate.pooled import Run as Records
from pipeline.evaluate.pooled import apart
from pipeline.report.changes import Side
from pipeline.report.learning import Rows

EVALUATE = "evaluate/"  # of the stages' names
ELO = ".elo"  # a rating is by the mean of the players beside it
BOUNDS = ("_low", "_high")  # of the names of an interval's ends
CODE, PACKAGES, TABLES = "code", "packages", "tables"  # of a fingerprint
PAIRED, INTERVALS = "items", "intervals"
_DRAWS = Bootstrap(1000, 1)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """What is known of one run, wherever it was found."""

    name: str
    origin: str  # such as: experiment 1a2b3c4
    settings: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]  # by stage
    curves: Mapping[str, Rows] = field(default_factory=dict)  # by stage
    code: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by stage its fingerprint
    hashes: Mapping[str, str] = field(default_factory=dict)  # by path of an out
    side: Side | None = None  # its documents, where they can be read
    records: Callable[[Sequence[str]], Records] = lambda _: {}  # of these models, item by item


@dataclass(frozen=True)
class Row:
    """Something with a value in each run; None where a run lacks it."""

    name: str
    values: Sequence[Any]  # [R]
    also: Sequence[str] = ()  # what has the same values in all runs

    @property
    def differs(self) -> bool:
        """Whether two runs differ in it."""
        return any(_unlike(one, other) for one, other in pairwise(self.values))


@dataclass(frozen=True, kw_only=True)
class Apart:
    """By how much a run's metric is from the first run's."""

    value: float
    low: float | None = None  # 95 % interval of the difference
    high: float | None = None
    noise: bool | None = None  # whether it may be nothing; None: there is no interval to tell by
    by: str = ""  # PAIRED: item by item, INTERVALS: from the intervals of both


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of all runs."""

    stage: str
    name: str
    values: Sequence[Any]  # [R]
    bounds: Sequence[tuple[float, float] | None]  # [R], 95 %
    apart: Sequence[Apart | None]  # [R]; None for the first, and where there is no difference to tell

    @property
    def full(self) -> str:
        """With its stage."""
        return f"{self.stage}.{self.name}"

    @property
    def differs(self) -> bool:
        """Whether two runs differ in it."""
        return Row(self.name, self.values).differs

    @property
    def telling(self) -> bool:
        """Whether a run differs from the first by more than noise."""
        return any(one is not None and one.noise is False for one in self.apart)


def settings(runs: Sequence[ComparedRun], *, every: bool = False) -> list[Row]:
    """The values in which the runs differ, or all; those that have the same values in all runs are one row, named by the shortest key.

    So what `${...}` hands on to other sections is said once. What changes no result (hardware, track) is left out.
    """
    rows = _rows([{name: value for name, value in flat(run.settings) if name.split(".")[0] not in APART} for run in runs])
    if every:
        return rows
    alike: dict[str, list[Row]] = {}
    for row in rows:
        if row.differs:
            alike.setdefault(repr(row.values), []).append(row)
    return [_merged(some) for some in alike.values()]


def code(runs: Sequence[ComparedRun], *, every: bool = False) -> list[Row]:
    """A row for each file of the stages' code that differs, with a letter for each of its contents; `also`: the stages that differ by it.

    A run without fingerprints has none of any file.
    """
    return _printed(runs, (CODE, TABLES), _lettered, every=every)


def packages(runs: Sequence[ComparedRun], *, every: bool = False) -> list[Row]:
    """The same of the versions of packages."""
    return _printed(runs, (PACKAGES,), lambda row: row, every=every)


def data(runs: Sequence[ComparedRun], *, every: bool = False) -> list[Row]:
    """A row for each out, with a letter for each of its contents."""
    rows = _rows([run.hashes for run in runs])
    return [_lettered(row) for row in rows if every or row.differs]


def metrics(runs: Sequence[ComparedRun], *, every: bool = False) -> list[Metric]:
    """The numbers in which the runs differ, or all, in the order of the stages."""
    stages = list(dict.fromkeys(stage for run in runs for stage in run.metrics))
    found = []
    paired = _paired(runs)
    for stage in stages:
        own = [dict(flat(run.metrics.get(stage, {}))) for run in runs]
        for row in _rows(own):
            if row.name.endswith(BOUNDS) or not (every or row.differs):
                continue
            relative = row.name.endswith(ELO) and len({frozenset(run.metrics.get(stage, {})) for run in runs}) > 1
            bounds = [None if relative else _bounds(values, row.name) for values in own]
            told = [_apart(row.values, bounds, place, paired.get((stage, row.name, place))) for place in range(len(runs))]
            found.append(Metric(stage=stage, name=row.name, values=row.values, bounds=bounds, apart=told))
    return found


def varied(rows: Sequence[Row]) -> Row | None:
    """The one value in which the runs differ; None where it is none or several, or only two runs have it."""
    known = [row for row in rows if row.differs]
    if len(known) != 1 or len({repr(value) for value in known[0].values if value is not None}) < 3:
        return None
    return known[0]


def judged(found: Sequence[Metric]) -> tuple[int, int]:
    """How many differences are more than noise, of how many that could be told from it."""
    told = [one.noise for metric in found for one in metric.apart if one is not None and one.noise is not None]
    return told.count(False), len(told)


def _rows(runs: Sequence[Mapping[str, Any]]) -> list[Row]:
    names = dict.fromkeys(name for run in runs for name in run)
    return [Row(name, [run.get(name) for run in runs]) for name in names]


def _merged(rows: Sequence[Row]) -> Row:
    first = min(rows, key=lambda row: (row.name.count("."), len(row.name)))
    return Row(first.name, first.values, [row.name for row in rows if row is not first])


def _printed(runs: Sequence[ComparedRun], kinds: Sequence[str], shown: Callable[[Row], Row], *, every: bool) -> list[Row]:
    """Of the fingerprints."""
    by_stage = [
        {(stage, name): value for stage, own in run.code.items() for kind in kinds for name, value in (own.get(kind) or {}).items()}
        for run in runs
    ]
    stages: dict[str, list[str]] = {}
    whole = [{name: value for (_, name), value in own.items()} for own in by_stage]
    for stage, name in dict.fromkeys(key for own in by_stage for key in own):
        if any(_unlike(one.get((stage, name)), other.get((stage, name))) for one, other in pairwise(by_stage)):
            stages.setdefault(name, []).append(stage)
    rows = (Row(row.name, row.values, stages.get(row.name, ())) for row in _rows(whole))
    return [shown(row) for row in sorted(rows, key=lambda row: row.name) if every or row.differs]


def _lettered(row: Row) -> Row:
    """Equal contents have equal letters, from A."""
    letters: dict[Any, str] = {}
    for value in row.values:
        if value is not None and value not in letters:
            place = len(letters)
            letters[value] = _LETTERS[place] if place < len(_LETTERS) else str(place)
    return Row(row.name, [None if value is None else letters[value] for value in row.values], row.also)


def _paired(runs: Sequence[ComparedRun]) -> dict[tuple[str, str, int], Apart]:
    """By stage, metric and place of a run: the difference from the first, item by item. Answers of equal bytes are not read."""
    found = {}
    first: dict[str, Any] = {}
    for place, run in enumerate(runs):
        models = [stage.removeprefix(EVALUATE) for stage in run.metrics if stage.startswith(EVALUATE) and _other(runs[0], run, stage)]
        first |= runs[0].records([model for model in models if model not in first])
        known = {model: first[model] for model in models if model in first}
        for model, some in apart(known, run.records(list(known)), _DRAWS).items():
            for one in some:
                told = Apart(value=one.value, low=one.low, high=one.high, noise=one.noise, by=PAIRED)
                found[f"{EVALUATE}{model}", f"{one.task}.{one.metric}", place] = told
    return found


def _other(first: ComparedRun, run: ComparedRun, stage: str) -> bool:
    """Whether the stage's numbers are others than the first run's."""
    return run is not first and stage in first.metrics and first.metrics[stage] != run.metrics[stage]


def _bounds(values: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    low, high = (values.get(f"{name}{end}") for end in BOUNDS)
    return None if low is None or high is None else (float(low), float(high))


def _apart(values: Sequence[Any], bounds: Sequence[tuple[float, float] | None], place: int, paired: Apart | None) -> Apart | None:
    """The difference at a place. Two intervals of their own: the half widths add as squares, as those of independent values do."""
    first, value = values[0], values[place]
    if place == 0 or not (_is_number(first) and _is_number(value)):
        return None
    if paired is not None and value != first:
        return paired
    if bounds[0] is None or bounds[place] is None or value == first:
        return Apart(value=value - first) if value != first else None
    reach = math.hypot(_reach(first, bounds[0], up=value > first), _reach(value, bounds[place], up=value < first))
    by = value - first
    return Apart(value=by, low=by - reach, high=by + reach, noise=abs(by) <= reach, by=INTERVALS)


def _reach(value: float, bounds: tuple[float, float] | None, *, up: bool) -> float:
    """From a value to the end of its interval that lies towards the other value."""
    low, high = bounds or (value, value)
    return max(0.0, high - value if up else value - low)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _unlike(one: Any, other: Any) -> bool:
    """Unlike !=, a NaN is like another, and 1 is not True."""
    return repr(one) != repr(other) and not (_is_number(one) and _is_number(other) and one == other)
