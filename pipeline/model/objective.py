"""Predict the next token: the objective of pretraining, on packed rows.

batch B, time T, vocabulary V; losses in nats
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.core.progress import progress
from pipeline.model import count, memory
from pipeline.model.ahead import Ahead
from pipeline.model.apart import begins
from pipeline.model.blocks import blocks_for, compiled_on_gpu
from pipeline.model.distillation import Distillation, Soft
from pipeline.model.rope import rebase, refuse_without_rope
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Rows

LossMean = Literal["token", "sentence"]


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """What a module loses besides the nats of its predictions, and how these weigh."""

    z_loss: NonNegativeFloat  # times the squared logarithm of the softmax's denominator
    loss_mean: LossMean  # what weighs alike: each token, or each document of a row, a sentence where documents are
    distillation: Distillation


class NextToken:
    """Serves rows by their numbers and says what a module loses on them: every token after the first of its document, and each end.

    Documents of one row don't see each other, and each begins at position 0.
    """

    def __init__(self, rows: Rows, *, context: int, z_loss: float = 0.0, loss_mean: LossMean = "token", soft: Soft | None = None) -> None:
        self._context, self._z_loss, self._loss_mean, self._soft = context, z_loss, loss_mean, soft
        self._serve(rows)

    def _serve(self, rows: Rows) -> None:
        if rows.length > self._context:
            message = f"rows of {rows.length} tokens don't fit a model with a context of {self._context}"
            raise PipelineError(message, mend=f"model.context={rows.length}, or tokenize.sequence_length={self._context}")
        self.rows = len(rows)
        self.tokens = rows.length  # a row
        self._rows, self._ahead = rows, Ahead(rows)

    def expect(self, numbers: npt.NDArray[np.int64], device: str) -> None:
        """These rows come next: they are read, and copied to a GPU, in the background."""
        self._ahead.expect(numbers, device)

    def flops(self, module: PreTrainedModel) -> int:
        """Operations to train on a token."""
        return count.training_flops(module, length=self.tokens)

    def loss(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str) -> tuple[Tensor, int]:
        """The sum of nats over the predicted tokens of these rows, and how many were predicted.

        With loss_mean "sentence", while a module learns, the sum over documents of their mean nats, and how many documents: the piece of a
        longer one that lies in a row is one too. While a module learns, the square of the logarithm of each softmax's denominator counts
        z_loss times (Chowdhery et al. 2022), and with experts their balance counts with each prediction, as its configuration weighs it.
        With teachers, a part of the nats is what the module lacks of their distribution.
        """
        batch = self._ahead.take(numbers, device)
        # without a mask, transformers tells documents apart by positions
        mask = blocks_for(module, batch.positions)
        inputs = {"input_ids": batch.ids, "position_ids": batch.positions, "use_cache": False}
        output = module(**inputs, attention_mask=mask)
        weights, counted = (batch.targets != IGNORE_INDEX).float(), batch.predictions
        if self._loss_mean == "sentence" and module.training:
            weights, counted = by_document(batch.positions, weights)
            nats = (_nats(output.logits, batch.targets, reduction="none") * weights.flatten()).sum()
        else:
            nats = (_one_kernel() if compiled_on_gpu(module, batch.ids.device) else _nats)(output.logits, batch.targets)
        if self._soft and module.training:
            nats = self._soft.blended(nats, output.logits, weights, inputs)
        if self._z_loss and module.training:
            nats = nats + self._z_loss * (output.logits.float().logsumexp(-1).square() * weights).sum()
        if module.training and (balance := _balance(module, output)) is not None:
            nats = nats + counted * balance
        return nats, counted

    def view(self, best: float, length: int | None) -> Self:
        """The same of the best share of the tokens, in rows of another length. PipelineError where no document has a score."""
        if best < 1 and not self._rows.scored:
            message = "a phase reads the best of the data, and no document has a score: select had too few examples of good and bad ones"
            raise PipelineError(message, mend="documents in data/examples/good and data/examples/bad, or a lower select.score.min_examples")
        found = copy.copy(self)
        found._serve(self._rows.view(best=best, length=length))
        return found

    def rope(self, module: nn.Module, theta: float) -> None:
        """Give the module's RoPE another base."""
        rebase(module, theta)

    def refuse_rope(self, module: nn.Module) -> None:
        """PipelineError for a module without RoPE."""
        refuse_without_rope(module)

    def need(self, module: PreTrainedModel) -> memory.Need:
        """Memory of a step that learns; the logits stand beside what they lack at the end, their softmax, and its gradient."""
        row = memory.learning(module, tokens=self.tokens) + memory.logits(module, tokens=self.tokens, copies=4)
        if self._soft:  # their mean, one teacher's, and the two distributions that are compared
            row += memory.passing(module, tokens=self.tokens) + memory.logits(module, tokens=self.tokens, copies=4)
        return memory.Need(memory.state(module), row)

    @torch.no_grad()
    def mean(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str, *, batch: int) -> float:
        """Nats a predicted token over these rows, `batch` at a time."""
        starts = progress(range(0, len(numbers), batch), "held-out rows")
        parts = [self.loss(module, numbers[start : start + batch], device) for start in starts]
        return sum(float(nats) for nats, _ in parts) / max(1, sum(some for _, some in parts))


def _nats(logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], reduction: str = "sum") -> Tensor:
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX, reduction=reduction)


@cache
def _one_kernel() -> Callable[[Tensor, Tensor], Tensor]:
    """The same, which never holds the logits in fp32."""
    return torch.compile(_nats)


def by_document(positions: Int[Tensor, "B T"], predicted: Float[Tensor, "B T"]) -> tuple[Float[Tensor, "B T"], int]:
    """Weights of predicted tokens (1 where one is) that sum up to 1 in each document of the rows, and how many documents predict some."""
    document = begins(positions).flatten().cumsum(0) - 1
    sizes = torch.zeros(int(document[-1]) + 1, device=positions.device).index_add(0, document, predicted.flatten())
    return predicted / sizes.clamp(min=1)[document].view_as(predicted), int((sizes > 0).sum())


def _balance(module: Any, output: Any) -> Tensor | None:
    """How unevenly experts are chosen (Fedus et al. 2022), weighed; None where there are none, or the shape does not ask for it."""
    balance: Tensor | None = getattr(output, "aux_loss", None)
    return None if balance is None else module.config.router_aux_loss_coef * balance
