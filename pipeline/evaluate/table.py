"""Scores as rows, and the same rows as nested metrics."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.core.artifact.scores import Scores
from pipeline.core.files import write_json, write_jsonl
from pipeline.core.intervals import Estimate

GOLD = "gold_answers"  # a player among the models: what the data answer
CHANCE = "chance"  # another: what guessing gets


class Windows(NamedTuple):
    """How a text was read that is longer than a model reads at once, in tokens: each window, and how far the next one moves."""

    window: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One score of one model: a value with its 95 % interval, or the reason why there is none."""

    model: str
    task: str
    metric: str
    estimate: Estimate | None
    reason: str | None = None
    windows: Windows | None = None  # of a figure of whole texts

    def as_json(self) -> dict[str, Any]:
        """model, task, metric, value, low, high, n; window and stride where texts were read in windows; the reason for a null value."""
        head = {"model": self.model, "task": self.task, "metric": self.metric} | (self.windows._asdict() if self.windows else {})
        if self.estimate is None:
            return head | {"value": None, "low": None, "high": None, "n": 0, "reason": self.reason}
        found = self.estimate
        if not math.isfinite(found.value):  # a broken model: JSON has no number for it
            return head | {"value": None, "low": None, "high": None, "n": found.n, "reason": f"it is {found.value}: the model is broken"}
        low, high = (bound if math.isfinite(bound) else None for bound in (found.low, found.high))
        return head | {"value": found.value, "low": low, "high": high, "n": found.n}


def write_scores(
    target: Scores,
    rows: Iterable[Row],
    records: Iterable[dict[str, Any]],
    *,
    facts: Mapping[str, Any],
    sides: Mapping[str, Any] | None = None,
) -> None:
    """scores.json with the rows, answers.jsonl with the records, and small JSON files beside them (file name -> value)."""
    with target.writing() as draft:
        write_json(draft.path / "scores.json", [one.as_json() for one in rows])
        write_jsonl(draft.path / "answers.jsonl", records)
        for name, value in (sides or {}).items():
            write_json(draft.path / name, value)
        draft.facts |= facts


def row(model: str, task: str, metric: str, estimate: Estimate, *, windows: Windows | None = None) -> Row:
    """A score that was found."""
    return Row(model=model, task=task, metric=metric, estimate=estimate, windows=windows)


def absent(model: str, task: str, metric: str, reason: str) -> Row:
    """A score that can't be had here, and why."""
    return Row(model=model, task=task, metric=metric, estimate=None, reason=reason)


def nested(rows: Iterable[Row]) -> dict[str, Any]:
    """{model: {task: {metric: value, metric_low: ..., metric_high: ...}}}; what has no value is null. Beside what was read in windows stand
    `window` and `stride`."""
    metrics: dict[str, Any] = {}
    for one in rows:
        place = metrics.setdefault(one.model, {}).setdefault(one.task, {})
        content = one.as_json()
        place |= {one.metric: content["value"]} | (one.windows._asdict() if one.windows else {})
        if content["low"] is not None and content["low"] != content["high"]:
            place |= {f"{one.metric}_low": content["low"], f"{one.metric}_high": content["high"]}
    return metrics
