"""Embeddings: of all passages of a batch, the other half of a piece of text is to be the nearest (InfoNCE: van den Oord et al. 2018).

Passages of one document are partners as in Izacard et al. 2022; mean pooling and a low temperature are those of Wang et al. 2022 (E5).

batch B, time T, width D, pairs P
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from numpy.random import Generator
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, share
from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of
from pipeline.model.ahead import Numbers
from pipeline.model.held_out import SlidingWindow
from pipeline.model.kind import Kind
from pipeline.model.objectives.base import PLAIN, Data, Noised, ObjectiveKind, Terms, Told
from pipeline.model.objectives.runs import runs_of
from pipeline.model.sight import both_ways, read_both_ways
from pipeline.model.start import start
from pipeline.tokens.rows import Batch, Rows

RESAMPLES = 1000  # of documents, for the interval


@dataclass(frozen=True, kw_only=True)
class Contrastive(ObjectiveKind):
    """A reader without a head: the mean of what it says of the tokens of a passage is its embedding."""

    kind: Literal["contrastive"]
    group: PositiveInt  # rows whose passages are told apart
    min_tokens: PositiveInt  # of a passage
    temperature: PositiveFloat  # by which cosines are divided
    candidates: PositiveInt  # held-out rows among whose passages a partner is looked for

    facts: ClassVar[dict[str, Any]] = {"objective": "contrastive"}

    def agree(self, told: Told) -> None:
        """Also groups that micro-batches cut: their passages would have others beside them."""
        super().agree(told)
        if told.micro_batch % self.group:
            message = f"groups of {self.group} rows don't fill micro-batches of {told.micro_batch}"
            raise PipelineError(message, mend=f"objective.group={told.micro_batch}")

    def start(self, shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
        """The layers of a language model, which see both directions."""
        module = start(shape, tokenizer, seed=seed).base_model
        assert isinstance(module, PreTrainedModel)
        read_both_ways(module.config)
        return module

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> "Pairs":
        """The loss over rows."""
        return Pairs(rows, context=context, seed=seed, settings=self)

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """How often a passage of other documents is not nearer than the partner, among those of so many rows, with a 95 % interval over
        documents; beside it chance, and the same by the tokens that passages have in common."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        found = list(objective.judged(module, batch=settings.batch_size))
        if not found:
            return dict.fromkeys(("accuracy", "chance", "overlap_accuracy"))
        hits, by_tokens, chance, documents = (np.concatenate(part) for part in zip(*found, strict=True))
        estimate = share(hits.tolist(), documents.tolist(), bootstrap=Bootstrap(RESAMPLES, seed_of(seed, "documents")))
        return {
            "pairs": len(hits),
            "accuracy": estimate.value,
            "accuracy_interval": [estimate.low, estimate.high],
            "chance": float(chance.mean()),
            "overlap_accuracy": float(by_tokens.mean()),
        }


class Pairs(Noised[Contrastive]):
    """Rows, and the places by lot where pieces of text are cut in two."""

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """Nats of choosing the partner of each passage among those of other documents of its group, and how many pairs there are."""
        passages = self._passages(module, numbers)
        vectors = self._embedded(module, passages, device)
        nats = [vectors.sum() * 0]
        for own in passages.groups(self._settings.group):
            apart = torch.from_numpy(apart_in(passages.documents[own])).to(device)
            nats.append(_nats(vectors[own], apart, temperature=self._settings.temperature))
        return torch.stack(nats).sum(), len(vectors)

    def mean(self, module: nn.Module, numbers: Numbers, device: str, *, batch: int) -> float:
        """Nats a pair over these rows, a group at a time, whatever the batch."""
        return super().mean(module, numbers, device, batch=self._settings.group)

    @torch.no_grad()
    def judged(self, module: PreTrainedModel, *, batch: int) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        """For each pair, some rows at a time: whether its partner is the nearest, the same by common tokens, chance, and the document."""
        order = Permutation(self.rows, seed_of(self._seed, "candidates"))[np.arange(self.rows)] if self.rows else np.zeros(0, np.int64)
        for begin in range(0, self.rows, self._settings.candidates):
            numbers = order[begin : begin + self._settings.candidates]
            parts = [self._passages(module.eval(), numbers[first : first + batch]) for first in range(0, len(numbers), batch)]
            vectors = np.concatenate([self._embedded(module, part, str(module.device)).double().cpu().numpy() for part in parts])
            counts = np.concatenate([part.counts(int(module.config.vocab_size)) for part in parts])
            documents = np.concatenate([part.documents for part in parts])
            apart = apart_in(documents)
            if len(documents):
                yield nearest(vectors, apart), nearest(counts, apart), 1 / (apart.sum(1) + 1), documents

    def _passages(self, module: nn.Module, numbers: Numbers) -> "Passages":
        owners = self._rows.owners(numbers)
        return cut(self._rows.read(numbers), owners, self.noise(module, numbers), min_tokens=self._settings.min_tokens)

    def _embedded(self, module: Any, passages: "Passages", device: str) -> Float[Tensor, "P 2 D"]:
        """The embeddings of both passages of each pair, of length 1."""
        ids, positions = (torch.from_numpy(one).to(device) for one in (passages.ids, passages.positions))
        said = module(input_ids=ids, position_ids=positions, attention_mask=both_ways(positions), use_cache=False).last_hidden_state
        with torch.autocast(ids.device.type, enabled=False):  # a mean of many in half precision would be a rough one
            return F.normalize(torch.from_numpy(passages.weights()).to(device) @ said.float().flatten(0, 1), dim=-1)


@dataclass(frozen=True)
class Passages:
    """Pairs of passages in rows; each passage is read by itself."""

    ids: npt.NDArray[np.int64]  # [B, T]
    positions: npt.NDArray[np.int64]  # [B, T]: from 0 in each passage
    places: npt.NDArray[np.int64]  # [P, 4]: row, where the first begins, where the second does, where that ends
    documents: npt.NDArray[np.int64]  # [P]

    def groups(self, size: int) -> list[slice]:
        """The pairs of each `size` rows."""
        ends = np.searchsorted(self.places[:, 0], np.arange(0, len(self.ids) + size, size))
        return [slice(int(first), int(last)) for first, last in pairwise(ends) if last > first]

    def weights(self) -> npt.NDArray[np.float32]:
        """[P, 2, B x T]: the share of each token in the mean of a passage."""
        rows, length = self.ids.shape
        found = np.zeros((len(self.places), 2, rows * length), np.float32)
        for number, (row, first, second, end) in enumerate(self.places):
            found[number, 0, row * length + first : row * length + second] = 1 / (second - first)
            found[number, 1, row * length + second : row * length + end] = 1 / (end - second)
        return found

    def counts(self, vocabulary: int) -> npt.NDArray[np.float64]:
        """[P, 2, V]: how often each passage has each token, of length 1."""
        found = np.zeros((len(self.places), 2, vocabulary))
        for number, (row, first, second, end) in enumerate(self.places):
            for part, span in enumerate((slice(first, second), slice(second, end))):
                found[number, part] = np.bincount(self.ids[row, span], minlength=vocabulary)
        unit: npt.NDArray[np.float64] = found / np.linalg.norm(found, axis=-1, keepdims=True)
        return unit


def cut(batch: Batch, owners: Sequence[npt.NDArray[np.int64]], noise: list[Generator], *, min_tokens: int) -> Passages:
    """Each piece of a document that is long enough for two passages, cut in two; `owners` are the documents of each row's pieces.

    The place is uniform over those that leave both long enough.
    """
    positions, places, documents = batch.positions.copy(), [], []
    for row, draw in enumerate(noise):
        for (first, size), document in zip(runs_of(batch, row), owners[row], strict=True):
            if size >= 2 * min_tokens:
                middle = first + int(draw.integers(min_tokens, size - min_tokens, endpoint=True))
                positions[row, middle : first + size] -= positions[row, middle]
                places.append((row, first, middle, first + size))
                documents.append(int(document))
    return Passages(batch.ids, positions, np.array(places, np.int64).reshape(-1, 4), np.array(documents, np.int64))


def apart_in(documents: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """[P, P]: whether two pairs are of different documents."""
    different: npt.NDArray[np.bool_] = documents[:, None] != documents[None, :]
    return different


def _nats(vectors: Float[Tensor, "P 2 D"], apart: Bool[Tensor, "P P"], *, temperature: float) -> Tensor:
    """InfoNCE from the first passages to the second ones and back, halved. Other passages of the own document are left out."""
    with torch.autocast(vectors.device.type, enabled=False):
        cosines = vectors[:, 0] @ vectors[:, 1].T / temperature
    own = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    cosines = cosines.masked_fill(~(apart | own), float("-inf"))
    right = torch.arange(len(vectors), device=vectors.device)
    return (F.cross_entropy(cosines, right, reduction="sum") + F.cross_entropy(cosines.T, right, reduction="sum")) / 2


def nearest(vectors: npt.NDArray[np.float64], apart: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """[P]: 1 where the partner is the nearest of the second passages, part of 1 where several are as near."""
    cosines = vectors[:, 0] @ vectors[:, 1].T
    partner = np.diagonal(cosines)[:, None]
    nearer, alike = (apart & (cosines > partner)).sum(1), (apart & (cosines == partner)).sum(1)
    found: npt.NDArray[np.float64] = np.where(nearer > 0, 0.0, 1 / (1 + alike))
    return found
