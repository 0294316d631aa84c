"""What each source of the text has left to teach: a model's loss on it beside what the source costs by itself, and weights that follow.

Weights grow exponentially with the excess of the loss, as in DoReMi (Xie et al. 2023), whose proxy and reference models are
here the model that was trained and a baseline of the source: its entropy where it is known, else an n-gram model of its own text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from transformers import PreTrainedModel

from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.seed import Seed
from pipeline.evaluate.ngram import MAX_ORDER, Ngram
from pipeline.model.score import document_nats
from pipeline.tokens.sourced import Ids, Sourced
from pipeline.tokens.special import IDS, PAD

Baseline = Literal["auto", "ngram", "entropy"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How much is read of each source."""

    documents: int  # held out, at most
    counted: int  # tokens of train, at most, for the n-grams
    order: int  # of the n-grams
    batch: int  # windows at once
    seed: Seed  # of the choice of documents

    def __post_init__(self) -> None:
        if not 1 <= self.order <= MAX_ORDER:
            raise PipelineError(f"n-grams of {self.order} tokens can't be counted", mend=f"an order of 1 to {MAX_ORDER}")


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What held-out text of a source costs, in bits a byte; None where it can't be told."""

    source: str
    tokens: int  # in train
    documents: int  # held out, that were read
    model: float | None
    ngram: float | None  # of the source's own training text
    entropy: float | None  # of the source itself


@dataclass(frozen=True)
class Proposal:
    """A source's weight as it is and as it might be."""

    source: str
    excess: float | None  # of the model's loss over the baseline, bits a byte
    old: float
    new: float


def losses(module: PreTrainedModel, split: Split, tokens: Tokens, *, digest: str, reading: Reading) -> list[Loss]:
    """The loss on each source of train or val, in the order of their names. `digest` is that of the model's tokenizer."""
    train, val = (Sourced.of(split, tokens, part, digest) for part in ("train", "val"))
    sizes = split.read("val", ["text"])["text"]
    bytes_, bits = pc.binary_length(sizes).to_pylist(), split.read("val", ["bits"])["bits"].to_pylist()
    found = []
    for source in sorted({*train.names, *val.names}):
        texts = val.some(source, most=reading.documents, seed=reading.seed)
        size = sum(bytes_[number] for number in texts)
        window = tokens.facts["length"]
        stride = max(1, window // 2)
        nats = document_nats(module, list(texts.values()), window=window, stride=stride, batch=reading.batch) if texts else None
        known = [bits[number] for number in texts]
        counted = _ngrams(train, source, reading, vocabulary=tokens.facts["vocabulary"]) if texts else None
        found.append(
            Loss(
                source=source,
                tokens=train.tokens(source),
                documents=len(texts),
                model=None if nats is None else float(nats.sum()) / math.log(2) / size,
                ngram=None if counted is None else sum(map(counted.surprise, texts.values())) / size,
                entropy=sum(known) / size if known and None not in known else None,
            )
        )
    return found


def proposals(
    found: Sequence[Loss], weights: Mapping[str, float], *, baseline: Baseline, temperature: float, smoothing: float
) -> tuple[list[Proposal], str]:
    """A weight for each source, and the name of the baseline that was used for all.

    A weight is multiplied by exp(excess / temperature), normalised so that the tokens of train stay as many; `smoothing` is the
    share of the mixture that stays as it is. A source that can't be measured keeps its weight. One baseline serves all sources: the
    entropy lies below every loss and an n-gram model above most, so that mixing the two would favour whoever's source is known.
    """
    if temperature <= 0 or not 0 <= smoothing <= 1:
        raise PipelineError(f"temperature {temperature}, smoothing {smoothing}", mend="a temperature above 0, a smoothing of 0 to 1")
    name = _baseline([loss for loss in found if loss.model is not None], baseline)
    excess = {loss.source: _excess(loss, name) for loss in found}
    measured = [loss for loss in found if excess[loss.source] is not None and loss.tokens]
    highest = max((excess[loss.source] or 0.0 for loss in measured), default=0.0)
    lifts = {loss.source: math.exp(((excess[loss.source] or 0.0) - highest) / temperature) for loss in measured}
    total = sum(loss.tokens for loss in measured)
    mean = sum(loss.tokens * lifts[loss.source] for loss in measured) / total if total else 1.0
    factors = {source: smoothing + (1 - smoothing) * lift / mean for source, lift in lifts.items()}
    old = {loss.source: weights.get(loss.source, 1.0) for loss in found}
    rows = [Proposal(source, excess[source], weight, weight * factors.get(source, 1.0)) for source, weight in old.items()]
    return rows, name


def _baseline(measured: Sequence[Loss], wanted: Baseline) -> str:
    unknown = [loss.source for loss in measured if loss.entropy is None]
    if wanted == "entropy" and unknown:
        raise PipelineError(f"the entropy of {', '.join(unknown)} is not known", mend="--baseline ngram")
    if wanted == "auto":
        return "ngram" if unknown else "entropy"
    return wanted


def _excess(loss: Loss, baseline: str) -> float | None:
    floor = loss.entropy if baseline == "entropy" else loss.ngram
    return None if loss.model is None or floor is None else loss.model - floor


def _ngrams(train: Sourced, source: str, reading: Reading, *, vocabulary: int) -> Ngram | None:
    """An n-gram model of a source's text, of so many tokens as are counted at most; None where there are too few."""
    found: list[Ids] = []
    room = reading.counted
    for number in train.documents(source):
        found.append(train.rows.document(int(number))[:room])
        room -= len(found[-1])
        if room <= 0:
            break
    text = np.concatenate([*found, np.zeros(0, np.int64)])
    return Ngram(text[None], order=reading.order, vocabulary=vocabulary, padding=IDS[PAD]) if len(text) > reading.order else None
