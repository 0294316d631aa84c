"""Begin where counting ends: embedding and head of a fresh model as the best model of pairs of tokens.

A fresh model spends its first steps on which token follows which. That much can be had without its layers: where they add nothing to the
residual stream, a model is softmax(norm(E_i) H_j), a bigram model of the rank of its width. The best E and H are found on the counts of all
pairs, at a cost that does not grow with the text, and the matrices that write into the residual stream begin at zero. It is the same model
afterwards, in the same files.

vocabulary V, width D, contexts R
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.tokens.rows import Rows

NORMS = ("norm", "ln_f")  # of the stream before the head, by its name in transformers
WRITES = ("o_proj", "down_proj", "c_proj")  # matrices that write into the stream
CONTEXTS = 1024  # at once: a block of R x V logits
BETAS = (0.9, 0.95)
EPSILON = 1e-6  # padding is embedded as 0, and stays so


@dataclass(frozen=True, kw_only=True)
class BigramStart:
    """How E and H are fitted to the counts: by Adam, its rate falling linearly to zero."""

    passes: PositiveInt  # over the counts of all pairs
    lr: PositiveFloat
    scale: PositiveFloat  # root mean square of the embeddings afterwards: the larger, the longer the layers take to be heard
    tokens: PositiveInt  # of the text, at most, whose pairs are counted


def start_from_bigrams(module: PreTrainedModel, rows: Rows, settings: BigramStart) -> float:
    """Set embedding and head, on the module's device; nats a token of the model as it is then, on the pairs that were counted.

    PipelineError for a module whose head is its embedding (the pairs would have no direction), or of a kind that has other parts.
    """
    embedding, head, norm = _parts(module)
    pairs = Pairs.of(rows, vocabulary=len(embedding), tokens=settings.tokens)
    first = (embedding.detach() / embedding.detach().std()).requires_grad_()
    second = torch.zeros_like(head).requires_grad_()
    optimizer = torch.optim.Adam([first, second], lr=settings.lr, betas=BETAS)
    blocks = range(0, len(embedding), CONTEXTS)
    steps, step = settings.passes * len(blocks), 0
    for _ in range(settings.passes):
        for start in blocks:
            optimizer.param_groups[0]["lr"] = settings.lr * (1 - step / steps)
            optimizer.zero_grad()
            _nats(first, second, norm, pairs, start).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
    with torch.no_grad():
        loss = sum(float(_nats(first, second, norm, pairs, start)) for start in blocks)
        embedding.copy_(first * settings.scale * torch.rsqrt(first.pow(2).mean(1, keepdim=True) + EPSILON))
        head.copy_(second)
        for name, weight in module.named_parameters():
            if set(name.split(".")) & set(WRITES):
                weight.zero_()
    return loss


@dataclass(frozen=True)
class Pairs:
    """How often each token follows each other."""

    contexts: npt.NDArray[np.int64]  # [P], rising
    tokens: npt.NDArray[np.int64]  # [P]
    counts: npt.NDArray[np.int64]  # [P]
    vocabulary: int

    @classmethod
    def of(cls, rows: Rows, *, vocabulary: int, tokens: int) -> "Pairs":
        """Of the first so many tokens, ends of documents among them. PipelineError where there are none."""
        found: list[npt.NDArray[np.int64]] = []
        for stream in _streams(rows, tokens):
            found.append(stream[:-1].astype(np.int64) * vocabulary + stream[1:])
        pairs, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *found]), return_counts=True)
        if not len(pairs):
            raise PipelineError("there is no pair of tokens to count", mend="more text, or pretrain.start=null")
        return cls(pairs // vocabulary, pairs % vocabulary, counts, vocabulary)

    def block(self, start: int, device: torch.device) -> Tensor:
        """The counts of CONTEXTS tokens from `start` on, as shares of all pairs, [R, V]."""
        first, last = np.searchsorted(self.contexts, [start, start + CONTEXTS])
        dense = np.zeros((min(CONTEXTS, self.vocabulary - start), self.vocabulary), np.float32)
        dense[self.contexts[first:last] - start, self.tokens[first:last]] = self.counts[first:last] / self.counts.sum()
        return torch.from_numpy(dense).to(device)


def _streams(rows: Rows, most: int) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """The tokens of the shards, one after the other, up to so many."""
    for stream, _ in rows.shards:
        yield stream.tokens[:most]
        most -= len(stream.tokens)
        if most <= 0:
            return


def _nats(first: Tensor, second: Tensor, norm: nn.Module, pairs: Pairs, start: int) -> Tensor:
    """What the pairs of a block of contexts cost, as a share of the mean over all pairs."""
    shares = pairs.block(start, first.device)
    logits = norm(first[start : start + CONTEXTS]) @ second.T
    nats: Tensor = (shares.sum(1) * torch.logsumexp(logits, 1)).sum() - (shares * logits).sum()
    return nats


def _parts(module: PreTrainedModel) -> tuple[Tensor, Tensor, nn.Module]:
    """Embedding, head, and the norm before it."""
    embedding: Any = module.get_input_embeddings().weight  # type: ignore[no-untyped-call]
    head = module.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    if embedding is head:
        mend = "model.tie_embeddings=false, or pretrain.start=null"
        raise PipelineError("a model whose head is its embedding can't begin with pairs of tokens: they have a direction", mend=mend)
    norm = next((part for name, part in module.base_model.named_children() if name in NORMS), None)
    if norm is None or not any(set(name.split(".")) & set(WRITES) for name, _ in module.named_parameters()):
        kind = module.config.model_type
        raise PipelineError(f"a model of kind {kind} can't begin with pairs of tokens", mend="pretrain.start=null, or model=qwen3")
    return embedding, head, norm
