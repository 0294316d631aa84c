"""Spans of each document are taken out and written by a decoder (Raffel et al. 2020, 3.1.4).

An encoder reads the rest with a sentinel in the place of each span; the decoder writes each sentinel with its span behind it, and the end.

batch B, time T (of the encoder), time U (of the decoder), vocabulary V
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from numpy.random import Generator
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from transformers import PreTrainedModel, T5ForConditionalGeneration

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.bounds import OpenFraction
from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.model import count
from pipeline.model.ahead import Numbers
from pipeline.model.build import completed, special_ids
from pipeline.model.folder import has_model
from pipeline.model.held_out import SlidingWindow
from pipeline.model.kind import Kind
from pipeline.model.objectives.base import PLAIN, Data, Noised, ObjectiveKind, Terms, Told
from pipeline.model.objectives.runs import runs_of, unigram
from pipeline.model.start import vocabulary_of
from pipeline.model.t5 import EncoderDecoder
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Batch, Rows
from pipeline.tokens.special import ENDOFTEXT, IDS, PAD

LIKE = ("llama", "qwen3")  # kinds whose sizes mean the same of an encoder and a decoder
SIZES = tuple(one.name for one in fields(EncoderDecoder))


@dataclass(frozen=True, kw_only=True)
class Span(ObjectiveKind):
    """An encoder and a decoder. Sentinels are tokens of their own, after those of the tokenizer."""

    kind: Literal["span"]
    noise_density: OpenFraction  # tokens that are taken out, of those of a document
    mean_span: Annotated[float, Field(ge=1)]  # tokens of a span
    sentinels: PositiveInt  # the most spans of a document

    facts: ClassVar[dict[str, Any]] = {"objective": "span"}

    def agree(self, told: Told) -> None:
        """Also a shape whose keys would have no effect, and torch.compile, which would compile each length anew."""
        name = type(told.shape).__name__.lower()
        if name not in LIKE:
            message = f"objective=span builds an encoder and a decoder in the sizes of {' or '.join(LIKE)}, not of {name}"
            raise PipelineError(message, mend=f"model={LIKE[0]}")
        super().agree(told)
        if told.shape.kv_heads != told.shape.heads:
            message = f"the heads of objective=span have keys and values each: model.kv_heads={told.shape.kv_heads} would have no effect"
            raise PipelineError(message, mend=f"model.kv_heads={told.shape.heads}")
        if not told.shape.tie_embeddings:
            raise PipelineError("the head of objective=span is the embedding", mend="model.tie_embeddings=true")
        if told.compile:
            raise PipelineError("objective=span can't be compiled: its rows have other lengths each time", mend="pretrain.compile=false")

    def start(self, shape: Kind, tokenizer: Tokenizer, *, seed: int) -> PreTrainedModel:
        """Fresh weights. PipelineError where there is a model to go on from."""
        if has_model(shape.init_from):
            raise PipelineError(f"objective=span can't go on from {shape.init_from}", mend="model.init_from=data/init_from, left empty")
        own, tokens = EncoderDecoder(**{name: getattr(shape, name) for name in SIZES}), vocabulary_of(tokenizer)
        words = {"vocab_size": tokens + self.sentinels, "first_sentinel_id": tokens, **special_ids()}
        config = own.configure({**words, "attn_implementation": own.attention})
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed_of(seed, "weights"))
            module: PreTrainedModel = T5ForConditionalGeneration(config)  # type: ignore[arg-type]
        return completed(module, own)

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> "Spans":
        """The loss over rows."""
        return Spans(rows, context=context, seed=seed, settings=self)

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """Nats a token of the decoder, over fixed spans; of those of the text, and of these by the counts of the training tokens."""
        objective = self.over(data.held_out, context=module.config.max_position_embeddings, seed=seed)
        counted = unigram(data.train, vocabulary=int(module.config.vocab_size))
        found = np.array(objective.judged(module, counted, batch=settings.batch_size), np.float64).reshape(-1, 5).sum(0)
        tokens, hidden, nats, of_hidden, by_count = found
        if not hidden:
            return dict.fromkeys(("target_nats", "span_nats", "unigram_nats"))
        told = {"target_nats": nats / tokens, "span_nats": of_hidden / hidden, "unigram_nats": by_count / hidden}
        return {"span_tokens": int(hidden)} | {name: float(value) for name, value in told.items()}


class Spans(Noised[Span]):
    """Rows, and spans by lot."""

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """Nats of all that the decoder is to write, and how many tokens that are."""
        logits, targets = self._read(module, numbers, device)
        return F.cross_entropy(logits, targets, reduction="sum"), len(targets)

    def flops(self, module: PreTrainedModel) -> int:
        """Operations to train on a token of a row: what the encoder reads of it, and what the decoder writes."""
        density, spans = self._settings.noise_density, self._settings.noise_density / self._settings.mean_span
        sides = {"encoder": 1 - density + spans, "decoder": density + spans}
        inside = sum(weight.numel() * sides.get(name.split(".")[0], 0.0) for name, weight in count.multiplied(module))
        head = int(module.config.vocab_size) * int(module.config.d_model) * sides["decoder"]
        return round(6 * (inside + head)) + EncoderDecoder.mixing_flops(module.config, length=self.tokens)

    @torch.no_grad()
    def judged(self, module: PreTrainedModel, counted: npt.NDArray[np.float64], *, batch: int) -> list[list[float]]:
        """Some rows at a time: tokens of the decoder, those of the text among them, nats of all, of these, and of these by `counted`."""
        found, by_count = [], torch.from_numpy(counted)
        for begin in range(0, self.rows, batch):
            numbers = np.arange(begin, min(begin + batch, self.rows))
            logits, targets = self._read(module.eval(), numbers, str(module.device))
            nats, targets = F.cross_entropy(logits, targets, reduction="none").double().cpu(), targets.cpu()
            text = (targets < module.config.first_sentinel_id) & (targets != IDS[ENDOFTEXT])
            found.append([len(targets), int(text.sum()), float(nats.sum()), float(nats[text].sum()), -float(by_count[targets[text]].sum())])
        return found

    def _read(self, module: Any, numbers: Numbers, device: str) -> tuple[Tensor, Tensor]:
        """Logits [n, V] where the decoder is to write, and what [n]."""
        taken = take_out(self._rows.read(numbers), self.noise(module, numbers), self._settings, first=int(module.config.first_sentinel_id))
        ids, inputs, targets, of_read, of_written = (
            torch.from_numpy(one).to(device) for one in (taken.read.ids, taken.inputs, taken.targets, taken.read.documents, taken.documents)
        )
        there = torch.arange(inputs.shape[1], device=device)
        own = _same(of_written, of_written) & (there[:, None] >= there[None, :])
        said = module.encoder(input_ids=ids, attention_mask=_same(of_read, of_read))
        logits = module(
            encoder_outputs=said,
            attention_mask=_same(of_written, of_read),
            decoder_input_ids=inputs,
            decoder_attention_mask=own,
            use_cache=False,
        ).logits
        written = targets != IGNORE_INDEX
        return logits[written].float(), targets[written]


PADDING = -1  # the document of a token that is none


@dataclass(frozen=True)
class Side:
    """Some rows of documents."""

    ids: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]  # which of its row; PADDING


@dataclass(frozen=True)
class Taken:
    """What an encoder reads, and what a decoder is to write."""

    read: Side  # [B, T]
    targets: npt.NDArray[np.int64]  # [B, U]; IGNORE_INDEX at padding
    inputs: npt.NDArray[np.int64]  # [B, U]: the targets of each document one place later, PAD before the first
    documents: npt.NDArray[np.int64]  # [B, U]


def take_out(batch: Batch, noise: list[Generator], settings: Span, *, first: int) -> Taken:
    """Spans of each document are taken out, but of one of a single token; sentinel number i of a document has the id first + i."""
    read: list[list[list[int]]] = []
    written: list[list[list[int]]] = []
    for row, draw in enumerate(noise):
        pieces = [batch.ids[row, start : start + size] for start, size in runs_of(batch, row)]
        parts = [split(ids, spans_of(len(ids), draw, settings), first=first) for ids in pieces]
        read.append([one for one, _ in parts])
        written.append([other for _, other in parts])
    shown, targets = _laid(read, empty=IDS[PAD]), _laid(written, empty=IGNORE_INDEX)
    before = _laid([[[IDS[PAD], *one[:-1]] if one else [] for one in row] for row in written], empty=IDS[PAD])
    return Taken(shown, targets.ids, before.ids, targets.documents)


def spans_of(size: int, draw: Generator, settings: Span) -> npt.NDArray[np.int64]:
    """[spans, 2]: where each of some tokens begins and ends. What begins the document stays, and something between two spans."""
    if size < 2:
        return np.zeros((0, 2), np.int64)
    hidden = min(size - 1, max(1, round(size * settings.noise_density)))
    spans = min(max(1, round(hidden / settings.mean_span)), hidden, size - hidden, settings.sentinels)
    gaps, lengths = _parts(size - hidden, spans, draw), _parts(hidden, spans, draw)
    ends = np.cumsum(gaps + lengths)
    return np.stack([ends - lengths, ends], 1)


def split(ids: npt.NDArray[np.int64], spans: npt.NDArray[np.int64], *, first: int) -> tuple[list[int], list[int]]:
    """What is read and what is to be written of a document: nothing where nothing is taken out."""
    read, written, done = [], [], 0
    for number, (begin, end) in enumerate(spans.tolist()):
        read += [*ids[done:begin].tolist(), first + number]
        written += [first + number, *ids[begin:end].tolist()]
        done = end
    return [*read, *ids[done:].tolist()], [*written, IDS[ENDOFTEXT]] if written else []


def _parts(whole: int, many: int, draw: Generator) -> npt.NDArray[np.int64]:
    """Sizes of at least 1 that sum up to the whole, each way as likely."""
    cuts = np.sort(draw.permutation(whole - 1)[: many - 1]) + 1
    return np.diff(np.concatenate([[0], cuts, [whole]])).astype(np.int64)


def _laid(rows: Sequence[Sequence[Sequence[int]]], *, empty: int) -> Side:
    """Documents of rows side by side, as wide as the widest row."""
    width = max(1, *(sum(map(len, row)) for row in rows)) if rows else 1
    ids, documents = np.full((len(rows), width), empty, np.int64), np.full((len(rows), width), PADDING, np.int64)
    for number, row in enumerate(rows):
        flat = [token for one in row for token in one]
        ids[number, : len(flat)] = flat
        documents[number, : len(flat)] = np.repeat(np.arange(len(row)), [len(one) for one in row])
    return Side(ids, documents)


def _same(left: Tensor, right: Tensor) -> Tensor:
    """[B, 1, T, S]: whether two tokens are of one document of their row."""
    return (left[:, :, None] == right[:, None, :])[:, None]
