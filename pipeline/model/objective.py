"""Predict the next token: the objective of pretraining, on packed rows.

batch B, time T; losses in nats
"""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.model import memory
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.shards import Rows


class NextToken:
    """Serves rows by their numbers and says what a module loses on them. Padding and piece starts are not counted."""

    def __init__(self, rows: Rows, *, context: int) -> None:
        if rows.length > context:
            message = f"rows of {rows.length} tokens don't fit a model with a context of {context}"
            raise PipelineError(message, mend=f"model.context={rows.length}, or tokenize.sequence_length={context}")
        self.rows = len(rows.rows)
        self.tokens = rows.length  # a row
        self._ids = rows.rows
        self._labels = rows.labels

    def loss(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str) -> tuple[Tensor, int]:
        """The sum of nats over the predicted tokens of these rows, and how many were predicted."""
        ids = torch.from_numpy(self._ids[numbers].astype(np.int64)).to(device)
        labels = self._labels[numbers][:, 1:]
        everywhere = torch.ones_like(ids)  # nothing looks back at padding but padding, which is not counted
        logits = module(input_ids=ids, attention_mask=everywhere, use_cache=False).logits[:, :-1]
        targets = torch.from_numpy(labels).to(device).flatten()
        nats = F.cross_entropy(logits.float().flatten(0, 1), targets, ignore_index=IGNORE_INDEX, reduction="sum")
        return nats, int((labels != IGNORE_INDEX).sum())

    def need(self, module: PreTrainedModel) -> memory.Need:
        """Memory of a step that learns; the logits stand beside what they lack at the end, their softmax, and its gradient."""
        row = memory.learning(module, tokens=self.tokens) + memory.logits(module, tokens=self.tokens, copies=4)
        return memory.Need(memory.state(module), row)

    @torch.no_grad()
    def mean(self, module: nn.Module, numbers: npt.NDArray[np.int64], device: str, *, batch: int) -> float:
        """Nats a predicted token over these rows, `batch` at a time."""
        parts = [self.loss(module, numbers[start : start + batch], device) for start in range(0, len(numbers), batch)]
        return sum(float(nats) for nats, _ in parts) / max(1, sum(count for _, count in parts))
