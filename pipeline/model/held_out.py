"""What a model makes of text that it was not trained on: a short evaluation at intervals, bits per byte at the end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from transformers import PreTrainedModel

from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of
from pipeline.model import memory
from pipeline.model.ahead import Numbers
from pipeline.model.distillation import Ensemble
from pipeline.model.generate import generate
from pipeline.model.objective import NextToken
from pipeline.model.score import document_nats
from pipeline.tokens.rows import Rows
from pipeline.tokens.special import ENDS


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How much is read and written each time."""

    rows: PositiveInt  # for the loss of the curve
    batch_size: PositiveInt  # rows at once
    samples: NonNegativeInt  # texts
    prompt_tokens: PositiveInt  # of the beginning of a held-out document
    max_new_tokens: PositiveInt
    temperature: NonNegativeFloat


@dataclass(frozen=True, kw_only=True)
class SlidingWindow:
    """Windows over whole documents: a token has at least window - stride tokens before it."""

    window: PositiveInt  # tokens
    stride: PositiveInt  # tokens
    batch_size: PositiveInt  # windows at once

    def __post_init__(self) -> None:
        if self.stride >= self.window:
            raise ValueError(f"stride {self.stride} must be below window {self.window}")


def evaluate(
    module: PreTrainedModel, held_out: Rows, tokenizer: tokenizers.Tokenizer, settings: Evaluation, *, seed: int
) -> tuple[dict[str, float], list[str]]:
    """The loss over some rows (val_loss, nats a token; the same rows each time) and some texts. Nothing where nothing is held out."""
    if not len(held_out):
        return {}, []
    objective = NextToken(held_out, context=module.config.max_position_embeddings)
    numbers = glimpse(objective.rows, settings.rows, seed=seed)
    loss = objective.mean(module, numbers, str(module.device), batch=settings.batch_size)
    starts = [
        document[: settings.prompt_tokens].tolist() for document, _ in zip(held_out.documents(), range(settings.samples), strict=False)
    ]
    if not starts:
        return {"val_loss": loss}, []
    answers = generate(
        module,
        starts,
        max_new=settings.max_new_tokens,
        temperature=settings.temperature,
        seed=seed,
        batch=len(starts),
        ends=ENDS,
    )
    return {"val_loss": loss}, [tokenizer.decode(start + answer) for start, answer in zip(starts, answers, strict=True)]


def glimpse(rows: int, some: int, *, seed: int) -> Numbers:
    """Some of the rows, the same each time."""
    return Permutation(rows, seed_of(seed, "glimpse"))[np.arange(min(some, rows))]


def refuse_beyond_memory(
    module: PreTrainedModel, evaluation: Evaluation, final: SlidingWindow, *, length: int, device: str, section: str
) -> None:
    """OutOfMemory when what is read at once, while the module learns or afterwards, takes more than is free; rows have `length` tokens."""
    state, free = memory.state(module), memory.free(device)
    for name, rows, tokens in (
        ("evaluation", min(evaluation.batch_size, evaluation.rows), length),
        ("final_evaluation", final.batch_size, final.window),
    ):
        memory.Need(state, memory.scoring(module, tokens=tokens)).refuse_beyond(free, rows=rows, key=f"{section}.{name}.batch_size")


def bits_per_byte(module: PreTrainedModel, held_out: Rows, settings: SlidingWindow) -> dict[str, Any]:
    """Bits per byte over every byte of the documents, with window and stride; the source's own, and their ratio, where the source is known
    (else None)."""
    size, bits = held_out.facts["bytes"], held_out.facts["bits"]
    if not size:
        return {"bits_per_byte": None, "source_bits_per_byte": None, "ratio": None}
    nats = document_nats(module, list(held_out.documents()), window=settings.window, stride=settings.stride, batch=settings.batch_size)
    cost = float(nats.sum()) / math.log(2)
    known = bits or None
    return {
        "bits_per_byte": cost / size,
        "source_bits_per_byte": known and known / size,
        "ratio": known and cost / known,
        "window": settings.window,
        "stride": settings.stride,
    }


def of_teachers(teachers: Sequence[PreTrainedModel], held_out: Rows, settings: SlidingWindow) -> dict[str, Any]:
    """Bits per byte under the mean of the teachers, and under each alone: what a module that learns from them can come up to."""
    together: Any = Ensemble(teachers)
    found = [bits_per_byte(one, held_out, settings)["bits_per_byte"] for one in (together, *teachers)]
    return {"bits_per_byte": found[0], "members": found[1:]}
