"""Whether a model is as sure of its choices as it is right, on the items of another task.

The probability of a choice is its share of the likelihood of all choices of the item. Expected calibration error: Guo et al. 2017; Brier
1950, of all choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Estimate, mean
from pipeline.core.reliability import reliability
from pipeline.evaluate.items import Continued, Item, item_record, other_task
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ECE, BRIER = "ece", "brier"
CONFIDENCE, ACCURACY = "confidence", "accuracy"


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """A task of kind calibrated."""

    kind: Literal["calibrated"]
    of: str  # the name of another task: its items are asked
    by: Literal["sum", "token", "byte"]  # what a log-likelihood is divided by before the shares are taken: nothing, tokens, bytes

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """ece and brier, and the reliability curve as one row each of confidence and accuracy a bin, TASK/LOWER BOUND."""
        of = other_task(given, task, self.of)
        items = [item for item in of.read(self.of, given) if len(item.choices) > 1]
        if not items:
            return Result(rows=[absent(given.name, task, metric, of.reason) for metric in (ECE, BRIER)])
        scores = of.scored(items, module, given)
        shares = [self.shares(item, some) for item, some in zip(items, scores, strict=True)]
        clusters, briers = [item.cluster for item in items], [brier(one) for one in shares]
        confident, right = np.array([one.max() for one in shares]), np.array([favoured(one) for one in shares])
        found = reliability(confident, right, clusters, given.bootstrap, least=0)
        error = Estimate(found["ece"], found.get("ece_low", -np.inf), found.get("ece_high", np.inf), len(items))
        rows = [row(given.name, task, ECE, error), row(given.name, task, BRIER, mean(briers, clusters, bootstrap=given.bootstrap))]
        for bound, one in found["curve"].items():
            sure, known = one["confidence"], one["accuracy"]
            hits = Estimate(known, one.get("accuracy_low", -np.inf), one.get("accuracy_high", np.inf), one["n"])
            rows += [row(given.name, f"{task}/{bound}", CONFIDENCE, Estimate(sure, sure, sure, one["n"]))]
            rows += [row(given.name, f"{task}/{bound}", ACCURACY, hits)]
        return Result(rows=rows, records=[self._record(task, *one) for one in zip(items, shares, briers, strict=True)])

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: who finds all choices alike has no calibration error, and knows nothing."""
        return []

    def shares(self, item: Item, scores: Sequence[Continued]) -> npt.NDArray[np.float64]:
        """The probability of each choice, the right one first; they sum to 1."""
        parts = {"sum": [1] * len(scores), "token": [len(choice) for choice in item.choices], "byte": [max(1, size) for size in item.sizes]}
        nats = np.array([one.nats / part for one, part in zip(scores, parts[self.by], strict=True)])
        raised = np.exp(nats - nats.max())
        shares: npt.NDArray[np.float64] = raised / raised.sum()
        return shares

    def _record(self, task: str, item: Item, shares: npt.NDArray[np.float64], cost: float) -> dict[str, Any]:
        return item_record(task, item.id, item.cluster, BRIER, chance=None) | {BRIER: cost, "shares": shares.tolist()}


def brier(shares: npt.NDArray[np.float64]) -> float:
    """The squared distance from all on the right choice, 0 to 2."""
    return float(((shares - np.eye(len(shares))[0]) ** 2).sum())


def favoured(shares: npt.NDArray[np.float64]) -> float:
    """Whether the right choice is the likeliest; those that tie share the point."""
    best = np.isclose(shares, shares.max(), rtol=1e-9)
    return float(best[0] / best.sum())
