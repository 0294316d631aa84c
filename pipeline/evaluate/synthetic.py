"""Text that a model writes, and what of it is worth reading: drawn, then sifted."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import tokenizers
from transformers import PreTrainedModel

from pipeline.core.seed import seed_of
from pipeline.model.generate import generate
from pipeline.model.score import document_nats
from pipeline.text.ngrams import Hashes, ngrams_of, words_of
from pipeline.tokens.special import ENDOFTEXT, ENDS, IDS
from pipeline.tokens.tokenizer import encode

REASONS = ("empty", "garbled", "repeated", "unlikely", "copied")
_WAVE = 64  # texts between two looks at the bytes; a constant, so that the batch changes no text
_GARBLED = "\ufffd"  # bytes that are no character
_SENTENCE = re.compile(r"[.!?][\"')\]]*(?=\s|$)")


@dataclass(frozen=True)
class Sample:
    """A text, how likely its model finds it, and what it was asked to go on from."""

    text: str
    logprob: float  # nats a token, the mean
    prompt: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How texts are drawn."""

    documents: int  # at most
    bytes: int | None  # at most, of all texts; None: however many
    tokens: int  # of a text, at most; more than the context are written with its latest half in view
    temperature: float
    seed: int
    batch: int  # texts at once


@dataclass(frozen=True, kw_only=True)
class Sieve:
    """What is thrown away."""

    characters: int  # a text with fewer is empty
    ngram: int  # words of the runs that are compared
    repeated: float  # share of a text's runs that it holds already, from which it is one that goes in circles
    quantile: float  # share of the texts, the least likely ones
    copied: float  # share of a text's runs that stand in train, from which it is a copy


def draw(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer, prompts: Sequence[str], drawing: Drawing) -> list[Sample]:
    """Texts up to their last whole sentence; text number i goes on from prompt i modulo their number.

    The same module, prompts and drawing give the same texts; the batch changes none (but for the last bits of float sums).
    """
    found: list[Sample] = []
    for first in range(0, drawing.documents, _WAVE):
        asked = [prompts[number % len(prompts)] for number in range(first, min(first + _WAVE, drawing.documents))]
        texts = [whole_sentences(tokenizer.decode(ids)) for ids in _written(module, encode(asked, tokenizer), drawing, wave=first // _WAVE)]
        logprobs = mean_logprobs(module, tokenizer, texts, batch=drawing.batch)
        found += [Sample(*fields) for fields in zip(texts, logprobs, asked, strict=True)]
        sizes = np.cumsum([len(sample.text.encode()) for sample in found])
        if drawing.bytes is not None and sizes[-1] >= drawing.bytes:
            return found[: int(np.searchsorted(sizes, drawing.bytes, side="right"))]
    return found


def mean_logprobs(module: PreTrainedModel, tokenizer: tokenizers.Tokenizer, texts: Sequence[str], *, batch: int) -> list[float]:
    """Nats a token of each text after BOS; -inf for none."""
    documents = [np.array([IDS[ENDOFTEXT], *ids], dtype=np.int64) for ids in encode(list(texts), tokenizer)]
    window = module.config.max_position_embeddings
    some = [document for document in documents if len(document) > 1]
    nats = iter(document_nats(module, some, window=window, stride=window // 2, batch=batch).tolist() if some else ())
    return [-next(nats) / (len(document) - 1) if len(document) > 1 else float("-inf") for document in documents]


def sift(samples: Sequence[Sample], train: Iterable[Sequence[str]], sieve: Sieve) -> tuple[list[Sample], dict[str, int]]:
    """The texts that are worth reading, in order, and how many were thrown away for each reason. `train` comes shard by shard."""
    runs = {sample.text: runs_of(sample.text, sieve.ngram) for sample in samples}
    whole = [sample for sample in samples if len(sample.text) >= sieve.characters]
    sound = [sample for sample in whole if _GARBLED not in sample.text]
    firsts = set({sample.text: number for number, sample in reversed(list(enumerate(sound)))}.values())
    fresh = [one for number, one in enumerate(sound) if number in firsts and circling(runs[one.text]) < sieve.repeated]
    least = np.quantile([sample.logprob for sample in fresh], sieve.quantile) if fresh else 0.0
    likely = [sample for sample in fresh if sample.logprob >= least]
    known = standing((runs[sample.text] for sample in likely), train, n=sieve.ngram)
    kept = [sample for sample in likely if np.isin(runs[sample.text], known).mean() < sieve.copied]
    left = [len(some) for some in (samples, whole, sound, fresh, likely, kept)]
    return kept, {reason: before - after for reason, (before, after) in zip(REASONS, pairwise(left), strict=True)}


def whole_sentences(text: str) -> str:
    """The text up to the end of its last whole sentence; nothing where it has none."""
    ends = [found.end() for found in _SENTENCE.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def runs_of(text: str, n: int) -> Hashes:
    """A hash of each run of n words; of a shorter text one of all its words. At least one."""
    words, _ = words_of(text)
    return ngrams_of(words, min(n, max(1, len(words)))) if len(words) else np.zeros(1, np.uint64)


def circling(runs: Hashes) -> float:
    """The share of the runs that stood before in the same text."""
    return 1 - len(np.unique(runs)) / len(runs)


def standing(runs: Iterable[Hashes], train: Iterable[Sequence[str]], *, n: int) -> Hashes:
    """Those of the runs that stand in the training text, sorted. What is held is the samples' runs, not the corpus's."""
    wanted = np.unique(np.concatenate([np.zeros(0, np.uint64), *runs]))
    found = np.zeros(len(wanted), np.bool_)
    for texts in train:
        found |= np.isin(wanted, ngrams_of(words_of("\n\n".join(texts))[0], n))
    return wanted[found]


def _written(module: PreTrainedModel, prompts: Sequence[Sequence[int]], drawing: Drawing, *, wave: int) -> list[list[int]]:
    """The ids of each text, its prompt's in front, without BOS; up to the first special token."""
    context = module.config.max_position_embeddings
    texts = [[IDS[ENDOFTEXT], *prompt] for prompt in prompts]
    going = [number for number, text in enumerate(texts) if len(text) <= drawing.tokens]
    turn = 0
    while going:
        starts = [texts[number][-(context // 2) :] for number in going]
        room = min(context - max(map(len, starts)), drawing.tokens + 1 - min(len(texts[number]) for number in going))
        seed = seed_of(drawing.seed, "text", wave, turn)
        answers = generate(module, starts, max_new=room, temperature=drawing.temperature, seed=seed, batch=drawing.batch, ends=ENDS)
        for number, answer in zip(going, map(_plain, answers), strict=True):
            texts[number] = (texts[number] + answer)[: drawing.tokens + 1]
        ended = {number for number, answer in zip(going, answers, strict=True) if len(_plain(answer)) < room}
        going = [number for number in going if number not in ended and len(texts[number]) <= drawing.tokens]
        turn += 1
    return [text[1:] for text in texts]


def _plain(ids: Sequence[int]) -> list[int]:
    """The ids before the first special one."""
    return list(ids[: next((place for place, one in enumerate(ids) if one < len(IDS)), len(ids))])


def counted(samples: Iterable[Sample], thrown: Mapping[str, int]) -> dict[str, int]:
    """How many texts were drawn, thrown away for each reason, and kept; the bytes kept."""
    kept = Counter(bytes=0, kept=0)
    for sample in samples:
        kept.update(kept=1, bytes=len(sample.text.encode()))
    return {"drawn": sum(thrown.values()) + kept["kept"], **thrown, **kept}
