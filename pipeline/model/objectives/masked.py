"""Tokens are hidden and guessed from both sides (Devlin et al. 2019; with more of them hidden Wettig et al. 2023, Warner et al. 2024).

batch B, time T, vocabulary V
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.bounds import Fraction, OpenFraction
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, ratio
from pipeline.core.seed import seed_of
from pipeline.model.ahead import Numbers
from pipeline.model.held_out import SlidingWindow
from pipeline.model.kind import Kind
from pipeline.model.objectives.base import PLAIN, Data, Noised, ObjectiveKind, Terms, Told
from pipeline.model.objectives.runs import unigram
from pipeline.model.sight import both_ways, read_both_ways
from pipeline.model.start import start
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Batch, Rows
from pipeline.tokens.special import ENDOFTEXT, IDS

RESAMPLES = 1000  # of rows, for the interval


@dataclass(frozen=True, kw_only=True)
class Masked(ObjectiveKind):
    """An encoder: the layers of a decoder, which see both directions. The mask is a token of its own, after those of the tokenizer."""

    kind: Literal["masked"]
    mask_ratio: OpenFraction  # tokens that are to be guessed, of those in a row
    random_ratio: Fraction  # of these, how many another token stands for
    keep_ratio: Fraction  # of these, how many stand as they are; the mask stands for all others

    facts: ClassVar[dict[str, Any]] = {"objective": "masked"}

    def agree(self, told: Told) -> None:
        """Also what stands for the hidden tokens."""
        super().agree(told)
        if self.random_ratio + self.keep_ratio > 1:
            message = f"objective.random_ratio {self.random_ratio} and keep_ratio {self.keep_ratio} are more than all that is hidden"
            raise PipelineError(message, mend=f"objective.keep_ratio={round(1 - self.random_ratio, 6)}")

    def start(self, shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
        """A module that sees both directions, with one more row for the mask: the mean of all, as that of any new token (Hewitt 2021)."""
        module = start(shape, tokenizer, seed=seed)
        vocabulary = int(module.config.vocab_size)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            module.resize_token_embeddings(vocabulary + 1, mean_resizing=False)
            for part in (module.get_input_embeddings(), module.get_output_embeddings()):  # type: ignore[no-untyped-call]
                table: Any = part.weight
                table[vocabulary] = table[:vocabulary].mean(0)
        module.config.mask_token_id = vocabulary
        read_both_ways(module.config)
        return module

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> "MaskedTokens":
        """The loss over rows."""
        return MaskedTokens(rows, context=context, seed=seed, settings=self)

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """Of tokens that are hidden by fixed masks: nats, and how many are guessed, with a 95 % interval over rows; beside it what the
        counts of the training tokens get."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        counted = unigram(data.train, vocabulary=int(module.config.vocab_size))
        found = np.array(list(objective.judged(module, counted, batch=settings.batch_size)), np.float64).reshape(-1, 5)
        hidden, hits, nats, usual, by_count = found.T
        total = hidden.sum()
        if not total:
            return dict.fromkeys(("masked_nats", "accuracy", "unigram_nats", "unigram_accuracy"))
        estimate = ratio(hits.tolist(), hidden.tolist(), bootstrap=Bootstrap(RESAMPLES, seed_of(seed, "rows")))
        return {
            "masked_tokens": int(total),
            "masked_nats": float(nats.sum() / total),
            "accuracy": estimate.value,
            "accuracy_interval": [estimate.low, estimate.high],
            "unigram_nats": float(by_count.sum() / total),
            "unigram_accuracy": float(usual.sum() / total),
        }


class MaskedTokens(Noised[Masked]):
    """Rows, and masks by lot."""

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """Nats of the hidden tokens, and how many they are."""
        logits, targets, _ = self._read(module, numbers, device)
        return F.cross_entropy(logits, targets, reduction="sum"), len(targets)

    @torch.no_grad()
    def judged(self, module: PreTrainedModel, counted: npt.NDArray[np.float64], *, batch: int) -> list[list[float]]:
        """For each row: hidden tokens, how many are guessed, their nats, how many are the most frequent token, their nats by `counted`."""
        found = []
        usual, by_count = int(counted.argmax()), torch.from_numpy(counted)
        for first in range(0, self.rows, batch):
            numbers = np.arange(first, min(first + batch, self.rows))
            logits, targets, rows = self._read(module.eval(), numbers, str(module.device))
            nats = F.cross_entropy(logits, targets, reduction="none").double().cpu()
            guessed, own = (logits.argmax(-1) == targets).cpu(), targets.cpu()
            for row in range(len(numbers)):
                mine = rows.cpu() == row
                parts = (mine, guessed[mine], nats[mine], own[mine] == usual, -by_count[own[mine]])
                found.append([float(part.sum()) for part in parts])
        return found

    def _read(self, module: Any, numbers: Numbers, device: str) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [n, V] at the hidden tokens, these [n], and the row of each [n]."""
        batch = self._rows.read(numbers)
        mask = int(module.config.mask_token_id)
        arrays = hide(batch, self.noise(module, numbers), self._settings, mask=mask)
        ids, targets, positions = (torch.from_numpy(one).to(device) for one in (*arrays, batch.positions))
        logits = module(input_ids=ids, position_ids=positions, attention_mask=both_ways(positions), use_cache=False).logits
        hidden = targets != IGNORE_INDEX
        return logits[hidden].float(), targets[hidden], hidden.nonzero()[:, 0]


def hide(batch: Batch, noise: list[Generator], settings: Masked, *, mask: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ids [B, T] with some of them hidden, and these [B, T], IGNORE_INDEX elsewhere.

    Of each row's tokens a share is chosen, at least one; what begins a document and padding never is. The mask has the id after all others.
    """
    ids, targets = batch.ids.copy(), np.full_like(batch.ids, IGNORE_INDEX)
    for row, draw in enumerate(noise):
        there = np.flatnonzero((batch.targets[row] != IGNORE_INDEX) & (batch.ids[row] != IDS[ENDOFTEXT]))
        if not len(there):
            continue
        chosen = draw.permutation(there)[: max(1, round(settings.mask_ratio * len(there)))]
        targets[row, chosen] = ids[row, chosen]
        lot, others = draw.random(len(chosen)), draw.integers(len(IDS), mask, len(chosen))
        other, kept = lot < settings.random_ratio, lot >= 1 - settings.keep_ratio
        ids[row, chosen] = np.where(other, others, np.where(kept, ids[row, chosen], mask))
    return ids, targets
