"""Whether two programs say the same with one model: token ids, logits, and the bounds that they must keep.

Pure: arrays in, numbers out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import PipelineError

# positions N (every token of every held-out row), vocabulary V; logarithms are natural
Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far a file may be from the model it was made of."""

    max_logit_share: float  # largest |difference of logits| of an unquantized file, as a share of the logits' standard deviation
    mean_logit: float  # mean |difference of logits| between the runtime and the dequantized file
    argmax: float  # share of positions at which runtime and dequantized file prefer the same token, at least
    kl: float  # mean KL divergence from the fp32 model, nats a token


EXACT = Bounds(max_logit_share=0.0, mean_logit=0.0, argmax=1.0, kl=0.0)  # equal to the bit


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One measure of one file beyond its bound."""

    file: str
    measure: str
    value: float
    limit: str  # "at most 0.02"
    key: str  # the name of the bound

    def __str__(self) -> str:
        return f"{self.file}: {self.measure} is {self.value:.6g}, allowed is {self.limit} ({self.key})"


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
    """How far the found logits are from the wanted ones: largest and mean |difference|, the largest as a share of their spread, argmax."""
    difference = np.abs(found - wanted)
    return {
        "max_logit": float(difference.max()),
        "max_logit_share": float(difference.max() / wanted.std()),
        "mean_logit": float(difference.mean(dtype=np.float64)),
        "argmax": float((found.argmax(axis=-1) == wanted.argmax(axis=-1)).mean()),
    }


def faults(file: str, measured: Mapping[str, float], bounds: Bounds, *, quantized: bool) -> list[Fault]:
    """The measures of a file that break a bound; NaN breaks every bound."""
    checks = [("ids_differ", 0.0, "at most 0", "token ids"), ("kl", bounds.kl, f"at most {bounds.kl}", "bounds.kl")]
    if quantized:
        checks.append(("mean_logit", bounds.mean_logit, f"at most {bounds.mean_logit}", "bounds.mean_logit"))
        checks.append(("argmax", bounds.argmax, f"at least {bounds.argmax}", "bounds.argmax"))
    else:
        checks.append(("max_logit_share", bounds.max_logit_share, f"at most {bounds.max_logit_share}", "bounds.max_logit_share"))
    return [
        Fault(file=file, measure=name, value=measured[name], limit=limit, key=key)
        for name, bound, limit, key in checks
        if not (measured[name] >= bound if limit.startswith("at least") else measured[name] <= bound)
    ]


def require(found: Sequence[Fault], *, section: str, drop: str) -> None:
    """Raise one PipelineError that names every fault, if there is one. `drop` is the key under `section` that lists the files, or ""."""
    if not found:
        return
    keys = " or ".join(dict.fromkeys(f"{section}.{fault.key}" for fault in found if fault.key.startswith("bounds.")))
    files = ", ".join(dict.fromkeys(fault.file for fault in found))
    ways = [f"leave {files} out of {section}.{drop}" if drop else f"leave {section} out"]
    if {fault.key for fault in found} <= {"bounds.kl", "bounds.mean_logit", "bounds.argmax"}:  # else more than rounding is wrong
        ways.insert(0, f"more matrices in {section}.keep_f16")
    ways.append(f"or widen {keys}" if keys else "or train a tokenizer that the other program knows")
    raise PipelineError("the exported files are not the model:\n  " + "\n  ".join(str(fault) for fault in found), mend=", ".join(ways))
