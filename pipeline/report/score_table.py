"""Scores by model, task and metric, and their cells in a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipeline.report.charts import Interval, interval_bar
from pipeline.report.figures import ABSENT, fixed, number
from pipeline.report.svg import element

Key = tuple[str, str, str]  # model, task, metric


@dataclass(frozen=True)
class Score:
    """A value with its 95 % interval and the number of units behind it, or the reason why there is none."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None
    windows: tuple[int, int] | None = None  # window and stride in tokens, where texts were read in windows

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval; the value itself where none is stated. Only for a value that is there."""
        value = self.value or 0.0
        return (value if self.low is None else self.low, value if self.high is None else self.high)


NOT_MEASURED = Score(None, None, None, 0, "not measured")


def of_kinds(tasks: Mapping[str, Mapping[str, Any]], *kinds: str) -> list[str]:
    """The entries of `tasks` of these kinds."""
    return [name for name, task in tasks.items() if task.get("kind") in kinds]


class ScoreTable:
    """The rows of one or several Scores artifacts."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._scores: dict[Key, Score] = {(row["model"], row["task"], row["metric"]): _score(row) for row in rows}

    def score(self, model: str, task: str, metric: str) -> Score:
        """One score; one that nobody measured says so."""
        return self._scores.get((model, task, metric), NOT_MEASURED)

    def models(self, task: str) -> list[str]:
        """Those with a score in the task, in the order of the rows."""
        return list(dict.fromkeys(model for model, found, _ in self._scores if found == task))

    def with_metric(self, metric: str) -> list[str]:
        """The tasks that have it, in the order of the rows."""
        return list(dict.fromkeys(task for _, task, found in self._scores if found == metric))

    def below(self, task: str) -> list[str]:
        """The parts of a task that have scores of their own, by name."""
        return sorted({found for _, found, _ in self._scores if found.startswith(f"{task}/")})

    def reasons(self, task: str) -> list[str]:
        """Why scores of a task have no value, each reason once."""
        return list(dict.fromkeys(one.reason for (_, found, _), one in self._scores.items() if found == task and one.reason))

    def others(self, tasks: Sequence[str]) -> list[tuple[Key, Score]]:
        """The scores of all other tasks."""
        return [(key, score) for key, score in self._scores.items() if key[1] not in tasks]


def _score(row: Mapping[str, Any]) -> Score:
    windows = (row["window"], row["stride"]) if "window" in row else None
    return Score(row["value"], row["low"], row["high"], row["n"], row.get("reason"), windows)


def windows_of(scores: Iterable[Score]) -> str:
    """In what windows texts were read, as `windows of 128 tokens, stride 96`; empty where in none."""
    known = dict.fromkeys(score.windows for score in scores if score.windows)
    return "; ".join(f"windows of {number(window)} tokens, stride {number(stride)}" for window, stride in known)


@dataclass(frozen=True)
class Axis:
    """The range of a column's bars, and the value that they are compared with."""

    low: float
    high: float
    reference: float | None


def axis_of(scores: Sequence[Score], reference: float | None) -> Axis:
    """From zero, or from the lowest bound if that is below, to the highest bound."""
    bounds = [bound for score in scores if score.value is not None for bound in score.bounds] + ([] if reference is None else [reference])
    return Axis(min(0.0, *bounds, 0.0), max(*bounds, 0.0) or 1.0, reference) if bounds else Axis(0.0, 1.0, reference)


def cell(score: Score, axis: Axis) -> Markup:
    """The value, its interval in figures, and both as a bar; or a dash."""
    if score.value is None:
        return element("span", ABSENT, title=score.reason or NOT_MEASURED.reason or "")
    low, high = score.bounds
    interval = Interval("", score.value, low, high)
    figures = element("span", f" {fixed(low)} – {fixed(high)}" if low != high else "", class_="interval")
    bar = interval_bar(interval, low=axis.low, high=axis.high, reference=axis.reference)
    return Markup("").join([fixed(score.value), figures, element("br"), bar])
