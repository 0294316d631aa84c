"""Whether two programs say the same with one model: token ids, logits, and the bounds that they must keep.

Pure: arrays in, numbers out.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.errors import PipelineError

# positions N (every token of every held-out row), vocabulary V; logarithms are natural
Logits = npt.NDArray[np.float32]


Times = Annotated[float, Field(ge=1)]  # what rounding alone makes, times this: below 1 no file passes


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far a file may be off, in multiples of what rounding alone makes, so that they hold on any model.

    They are there to find a wrong file, not to judge a model. Two measures have none: how often both prefer the same token, for rounding
    decides where two are near each other, and where one leads by more than twice max_logit no difference can change it; and max_logit,
    one value of a long tail: what is wrong in few places shows in kl.
    """

    row_error: Times  # the worst row of the file's matrices against the model's
    mean_logit: Times  # mean |difference of logits| between the runtime and the file's own weights
    kl: Times  # mean KL divergence from the fp32 model


@dataclass(frozen=True, kw_only=True)
class WeightBounds:
    """The same of a file whose reader computes in fp32 with the weights that it holds."""

    row_error: Times  # the worst row of its matrices against the model's
    kl: Times  # mean KL divergence from the fp32 model


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a measure may be: `times` as much as rounding makes."""

    measure: str
    rounding: float = 0.0
    times: float = 1.0
    key: str = ""  # the name of the bound; "" where only equality will do
    without: str = ""  # the setting under which nobody measures it; "" where there is none


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One measure of one file beyond its limit."""

    file: str
    measure: str
    value: float
    limit: Limit

    @property
    def key(self) -> str:
        """The name of the bound."""
        return self.limit.key

    @property
    def times(self) -> float:
        """How many times as much as rounding makes."""
        return self.value / self.limit.rounding if self.limit.rounding else math.inf

    def __str__(self) -> str:
        if not self.key:
            return f"{self.file}: {self.measure} is {self.value:.6g}, allowed is 0"
        allowed = f"allowed is {self.limit.times:g} times as much ({self.key})"
        return f"{self.file}: {self.measure} is {self.value:.4g}, rounding alone makes {self.limit.rounding:.4g}, {allowed}"


SAME = (Limit(measure="ids_differ"), Limit(measure="ends_missed"))  # what no rounding excuses
EQUAL = (*SAME, Limit(measure="max_logit"))  # says, to the bit, what the file's own weights say
EXACT = (*EQUAL, Limit(measure="kl"))  # and they are the model's


def weight_limits(rounding: Mapping[str, float], bounds: WeightBounds) -> tuple[Limit, ...]:
    """What the measures of such a file may be, where rounding to nearest makes so much of kl."""
    return (
        Limit(measure="row_error", rounding=1.0, times=bounds.row_error, key="bounds.row_error"),
        Limit(measure="kl", rounding=rounding["kl"], times=bounds.kl, key="bounds.kl"),
    )


def limits(rounding: Mapping[str, float], bounds: Bounds) -> tuple[Limit, ...]:
    """What a file's measures may be, where rounding alone makes so much of mean_logit and kl."""
    return (
        *SAME,
        Limit(measure="row_error", rounding=1.0, times=bounds.row_error, key="bounds.row_error"),
        Limit(measure="mean_logit", rounding=rounding["mean_logit"], times=bounds.mean_logit, key="bounds.mean_logit"),
        Limit(measure="kl", rounding=rounding["kl"], times=bounds.kl, key="bounds.kl"),
    )


def token_differences(strings: Iterable[str], one: Callable[[str], Sequence[int]], other: Callable[[str], Sequence[int]]) -> list[str]:
    """The strings that two tokenizers cut differently."""
    return [text for text in strings if list(one(text)) != list(other(text))]


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Log-probabilities [N, V] in nats."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=-1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=-1, keepdims=True))
    return wide


def mean_kl(truth: Logits, other: Logits) -> float:
    """Mean over the positions of KL(truth || other), nats a token; 0 when they are equal."""
    log_p, log_q = log_softmax(truth), log_softmax(other)
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())


def perplexity(logits: Logits, targets: npt.NDArray[np.int64]) -> float:
    """exp of the mean negative log-likelihood of the targets [N]; a negative target does not count."""
    counted = np.flatnonzero(targets >= 0)
    return float(np.exp(-log_softmax(logits[counted])[np.arange(len(counted)), targets[counted]].mean()))


def compare(found: Logits, wanted: Logits) -> dict[str, float]:
    """How far the found logits are from the wanted ones: largest and mean |difference|, both also as shares of their deviation, argmax."""
    difference = np.abs(found - wanted)
    largest, mean = float(difference.max()), float(difference.mean(dtype=np.float64))
    deviation = float(wanted.std()) or 1.0  # a model that says nothing has none
    return {
        "max_logit": largest,
        "max_logit_share": largest / deviation,
        "mean_logit": mean,
        "mean_logit_share": mean / deviation,
        "argmax": float((found.argmax(axis=-1) == wanted.argmax(axis=-1)).mean()),
    }


def faults(file: str, measured: Mapping[str, Any], limits: Sequence[Limit]) -> list[Fault]:
    """The measures of a file that are beyond their limits; NaN is beyond every limit. A row_error tells of which matrix."""
    return [
        Fault(
            file=file,
            measure=f"{limit.measure} of {measured['worst']}" if limit.measure == "row_error" else limit.measure,
            value=measured[limit.measure],
            limit=limit,
        )
        for limit in limits
        if not measured[limit.measure] <= limit.times * limit.rounding
    ]


def refusal(found: Sequence[Fault], *, mend: str) -> PipelineError:
    """The error that names every fault."""
    return PipelineError("the exported files are not the model:\n  " + "\n  ".join(str(fault) for fault in found), mend=mend)
