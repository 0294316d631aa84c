"""From logits to a token: temperature, and which of the vocabulary may be drawn at all.

batch B, vocabulary V
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveInt
from torch import Tensor

from pipeline.core.bounds import PositiveFraction


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What is left to draw from; None: off. In this order, as transformers has it: penalty, (temperature,) top-k, top-p, min-p."""

    top_k: PositiveInt | None = None  # the likeliest tokens; of those that tie at the end all
    top_p: PositiveFraction | None = None  # the fewest likeliest tokens that hold this much together (Holtzman et al. 2020)
    min_p: PositiveFraction | None = None  # tokens that are at least so likely, in parts of the likeliest (Nguyen et al. 2024)
    repetition_penalty: Annotated[float, Field(ge=1)] | None = (
        None  # divides logits above 0 of tokens that were there, multiplies others (Keskar et al. 2019)
    )


def pick(
    logits: Float[Tensor, "B V"],
    draws: Float[Tensor, " B"],
    temperature: float | int,
    cut: Cut | None = None,
    seen: Bool[Tensor, "B V"] | None = None,
) -> Int[Tensor, " B"]:
    """The likeliest tokens at temperature 0, else those at the draws (each in [0, 1)) of the cumulative distribution.

    `seen` are the tokens of each row so far, for the penalty.
    """
    if cut is not None and cut.repetition_penalty is not None and seen is not None:
        logits = penalised(logits, seen, cut.repetition_penalty)
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.double() / temperature
    cumulative = (logits if cut is None else left(logits, cut)).softmax(-1).cumsum(-1)
    return torch.searchsorted(cumulative, draws[:, None] * cumulative[:, -1:], right=True).clamp(max=logits.shape[-1] - 1)[:, 0]


def penalised(logits: Float[Tensor, "B V"], seen: Bool[Tensor, "B V"], penalty: float) -> Float[Tensor, "B V"]:
    """Less likely where a token was there before."""
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def left(logits: Float[Tensor, "B V"], cut: Cut) -> Float[Tensor, "B V"]:
    """-inf for what can't be drawn; logits over the temperature."""
    if cut.top_k is not None and cut.top_k < logits.shape[-1]:
        logits = logits.masked_fill(logits < logits.topk(cut.top_k).values[:, -1:], -torch.inf)
    if cut.top_p is not None and cut.top_p < 1:
        ranked, order = logits.sort(dim=-1, descending=True, stable=True)
        before = ranked.softmax(-1).cumsum(-1) - ranked.softmax(-1)
        dropped = (before >= cut.top_p).scatter(-1, order, before >= cut.top_p)
        logits = logits.masked_fill(dropped, -torch.inf)
    if cut.min_p is not None:
        chances = logits.softmax(-1)
        logits = logits.masked_fill(chances < cut.min_p * chances.amax(-1, keepdim=True), -torch.inf)
    return logits
