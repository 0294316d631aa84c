"""A prefix of each document is seen from both directions, and the rest predicted (prefix LM: Raffel et al. 2020, 3.2.1; Tay et al. 2023).

batch B, time T
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.bounds import Fraction
from pipeline.model.ahead import Numbers
from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
from pipeline.model.objectives.base import PLAIN, Data, Noised, ObjectiveKind, Terms
from pipeline.model.objectives.runs import runs_of
from pipeline.model.sight import with_prefix
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Batch, Rows
from pipeline.tokens.special import ENDOFTEXT, IDS


@dataclass(frozen=True, kw_only=True)
class Prefix(ObjectiveKind):
    """A language model as any other, which reads the beginning of a document better when it is told that it is all there."""

    kind: Literal["prefix"]
    causal_ratio: Fraction  # documents whose prefix is their first token alone, while it learns

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> "PrefixTokens":
        """The loss over rows."""
        return PrefixTokens(rows, context=context, seed=seed, settings=self)

    def evaluate(self, module: PreTrainedModel, data: Data, settings: Evaluation, *, seed: int) -> tuple[dict[str, float], list[str]]:
        """val_loss is of what follows fixed prefixes, causal_loss of every token; texts are written as by any model."""
        told, texts = evaluate(module, data.held_out, data.codec, settings, seed=seed)
        own, _ = super().evaluate(module, data, settings, seed=seed)
        return own | {"causal_loss": told["val_loss"]} if told else own, texts

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """Bits per byte as of any model; of what follows fixed prefixes that are seen from both directions, and the same read causally."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        found = objective.suffixes(module, data.codec, batch=settings.batch_size)
        return bits_per_byte(module, data.held_out, settings) | found


class PrefixTokens(Noised[Prefix]):
    """Rows, and prefixes of their documents by lot."""

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """Nats of what follows the prefixes, and how many tokens that are. While a module is read every prefix is one."""
        batch = self._rows.read(numbers)
        ratio = self._settings.causal_ratio if module.training else 0.0
        prefix = prefixes(batch, self.noise(module, numbers), causal_ratio=ratio)
        targets = torch.from_numpy(hidden_before(batch, prefix)).to(device)
        return _nats(module, batch, prefix, targets), int((targets != IGNORE_INDEX).sum())

    @torch.no_grad()
    def suffixes(self, module: PreTrainedModel, codec: tokenizers.Tokenizer, *, batch: int) -> dict[str, float | None]:
        """Bits per byte of what follows the fixed prefixes of all rows, without the ends of documents, read in both ways."""
        both, causal, size = 0.0, 0.0, 0
        for start in range(0, self.rows, batch):
            numbers = np.arange(start, min(start + batch, self.rows))
            some = self._rows.read(numbers)
            prefix = prefixes(some, self.noise(module.eval(), numbers), causal_ratio=0.0)
            targets = hidden_before(some, prefix)
            targets[targets == IDS[ENDOFTEXT]] = IGNORE_INDEX
            size += _bytes(some, targets, codec)
            both, causal = (
                total + float(_nats(module, some, seen, torch.from_numpy(targets).to(module.device)))
                for total, seen in ((both, prefix), (causal, np.zeros_like(prefix)))
            )
        told = {"suffix_bits_per_byte": both, "causal_suffix_bits_per_byte": causal}
        return {name: nats / math.log(2) / size if size else None for name, nats in told.items()}


def prefixes(batch: Batch, noise: list[Generator], *, causal_ratio: float) -> npt.NDArray[np.bool_]:
    """[B, T]: which tokens stand in the prefix of their document. Its length is uniform over 1 to all tokens of it in the row."""
    found = np.zeros(batch.ids.shape, np.bool_)
    for row, draw in enumerate(noise):
        for start, size in runs_of(batch, row):
            lot, length = draw.random(), int(draw.integers(1, size, endpoint=True))
            found[row, start : start + (1 if lot < causal_ratio else length)] = True
    return found


def hidden_before(batch: Batch, prefix: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The targets of a batch without those that the prefix shows: its last token is the first that predicts."""
    shown = np.zeros_like(prefix)
    shown[:, :-1] = prefix[:, 1:] & (batch.positions[:, 1:] > 0)
    return np.where(shown, IGNORE_INDEX, batch.targets)


def _nats(module: nn.Module, batch: Batch, prefix: npt.NDArray[np.bool_], targets: Tensor) -> Tensor:
    ids, positions, seen = (torch.from_numpy(one).to(targets.device) for one in (batch.ids, batch.positions, prefix))
    logits = module(input_ids=ids, position_ids=positions, attention_mask=with_prefix(positions, seen), use_cache=False).logits
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")


def _bytes(batch: Batch, targets: npt.NDArray[np.int64], codec: tokenizers.Tokenizer) -> int:
    """UTF-8 bytes of the text that these targets add to what stands before them in their document."""
    size = 0
    for row in range(len(batch.ids)):
        for start, many in runs_of(batch, row):
            own = targets[row, start : start + many]
            predicted = np.flatnonzero(own != IGNORE_INDEX)
            if len(predicted):
                before = batch.ids[row, start : start + predicted[0] + 1].tolist()
                size += len(codec.decode([*before, *own[predicted].tolist()]).encode()) - len(codec.decode(before).encode())
    return size
