"""A corpus with known copies, to measure deduplication.

The words are an order-1 Markov chain over a real text, or over a vocabulary of pronounceable words with Zipf frequencies. A document has
200 to 2,000 words (log-uniform) in sentences and paragraphs. Of all documents 4 % are exact copies of another, 2 % differ from one in case
or punctuation, 10 % are near copies (words substituted, truncated, continued, blocks moved), 2 % share a third of their words with another
without being copies, and 5 % contain one of a few boilerplate paragraphs. The truth is every pair of documents with a similarity of at
least FLOOR, found by comparing all with all, planted or not.

FOLDER/raw.jsonl            {"id", "text"}, one a line
FOLDER/corpus               the same documents as a Corpus
FOLDER/plants.parquet       id | kind (own, boilerplate, exact, variant, near, hard) | of
FOLDER/pairs.parquet        left, right (row numbers, left < right) | jaccard
FOLDER/dialogues, FOLDER/benchmarks   questions by the same chain, which a split holds out; FOLDER/examples is empty
"""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.text_pairs import similar_pairs
from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.tables import conform, write_table
from pipeline.core.files import draft_folder, write_jsonl
from pipeline.core.shards import Piece, map_shards

WORDS = (200, 2_000)  # of a document
SHARES = {
    "exact": 0.04,
    "variant": 0.02,
    "near": 0.10,
    "hard": 0.02,
    "boilerplate": 0.05,
}  # of the documents, as in lab measurements before
SHINGLE = 5  # words
FLOOR = 0.1  # pairs less alike than this are not listed
SHARD = 2_500  # documents
QUESTIONS = 200  # of the benchmark, and of the dialogues; of 20 words
_VOCABULARY, _SUCCESSORS = 12_000, 300  # words; draws of a word's successors
_BOILERPLATES = 20
_MARKS = np.array([" ", ", ", ". ", "? ", "! ", ".\n\n"], object)
_ENDS = 2  # marks from here on end a sentence
_CHANCES = np.array([0.83, 0.08, 0.06, 0.005, 0.005, 0.02])
_HEAD = [
    "the", "of", "and", "to", "a", "in", "that", "it", "is", "was", "he", "for", "on", "with", "as", "his", "her", "she", "at", "by",
    "had", "be", "not", "you", "from", "but", "they", "or", "an", "were", "which", "this", "have", "all", "one", "when", "there", "so",
    "who", "would",
]  # fmt: skip

Ids = npt.NDArray[np.int64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Text:
    """Words by number, and the separator after each."""

    words: Ids
    marks: Ids

    def __getitem__(self, part: Any) -> Text:
        return Text(self.words[part], self.marks[part])

    @classmethod
    def join(cls, *texts: Text) -> Text:
        """One after the other."""
        return cls(np.concatenate([text.words for text in texts]), np.concatenate([text.marks for text in texts]))


@dataclass(frozen=True)
class Chain:
    """A Markov chain: successors of word w are successors[starts[w]:starts[w + 1]], repeated by frequency."""

    vocabulary: Sequence[str]
    starts: Ids
    successors: Ids

    def sample(self, lengths: Ids, rng: Rng) -> list[Text]:
        """Texts of these lengths in words."""
        order = np.argsort(-lengths, kind="stable")
        ends = np.cumsum(lengths)
        words = np.empty(int(ends[-1]), np.int64)
        state = rng.choice(self.successors, order.size)
        for step in range(int(lengths.max())):
            order = order[: np.searchsorted(-lengths[order], -step)]  # texts longer than this
            low, high = self.starts[state[: order.size]], self.starts[state[: order.size] + 1]
            state = self.successors[low + (rng.random(order.size) * (high - low)).astype(np.int64)]
            words[ends[order] - lengths[order] + step] = state
        marks = rng.choice(_MARKS.size, words.size, p=_CHANCES)
        return [Text(words[end - length : end], marks[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def make(folder: Path, *, documents: int, seed: int, text: Path | None) -> None:
    """Write the corpus and its truth; `text` is the real text of the chain, None for generated words."""
    rng = np.random.default_rng([seed, documents])
    chain = chain_of_text(text.read_text(encoding="utf-8")) if text else chain_of_zipf(rng)
    texts, plants = plant(chain, documents, rng)
    ids = [f"doc-{number:07d}" for number in range(documents)]
    lines = [render(one, chain.vocabulary, plants[row][0], row) for row, one in enumerate(texts)]
    origins = [f"raw.jsonl:{row}" for row in range(1, documents + 1)]
    table = pa.table({"id": ids, "source": ["bench"] * documents, "origin": origins, "text": lines})
    with draft_folder(folder) as draft:
        write_jsonl(draft / "raw.jsonl", ({"id": key, "text": line} for key, line in zip(ids, lines, strict=True)))
        _write_corpus(draft, conform(table, DOCUMENTS))
        _write_tests(draft, [render(one, chain.vocabulary, "own", 0) for one in chain.sample(np.full(2 * QUESTIONS, 20), rng)])
        of = [None if number is None else ids[number] for _, number in plants]
        write_table(pa.table({"id": ids, "kind": [kind for kind, _ in plants], "of": of}), draft / "plants.parquet")
        write_table(pa.table(similar_pairs([one.words for one in texts], shingle=SHINGLE, floor=FLOOR)), draft / "pairs.parquet")


def chain_of_text(text: str) -> Chain:
    """The chain of a real text: runs of a to z, case apart."""
    letters = "".join(letter if "a" <= letter <= "z" else " " for letter in text.lower())
    vocabulary, words = np.unique(np.array(letters.split()), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(np.bincount(words, minlength=vocabulary.size))])
    return Chain(vocabulary.tolist(), starts, np.roll(words, -1)[np.argsort(words, kind="stable")])


def chain_of_zipf(rng: Rng) -> Chain:
    """The chain of a made-up language: the commonest words of English, then pronounceable ones, the short ones more often."""
    made = sorted({word for word in _pronounceable(rng, 2 * _VOCABULARY) if word not in _HEAD})
    lengths = np.array([len(word) for word in made]) + rng.normal(0, 1, len(made))
    vocabulary = _HEAD + [made[place] for place in np.argsort(lengths)[: _VOCABULARY - len(_HEAD)]]
    frequencies = 1 / np.arange(1, len(vocabulary) + 1)
    successors = rng.choice(len(vocabulary), len(vocabulary) * _SUCCESSORS, p=frequencies / frequencies.sum())
    return Chain(vocabulary, np.arange(len(vocabulary) + 1) * _SUCCESSORS, successors)


def plant(chain: Chain, documents: int, rng: Rng) -> tuple[list[Text], list[tuple[str, int | None]]]:
    """The documents, and for each its kind and the number of its original."""
    low, high = map(math.log, WORDS)
    fresh = chain.sample(np.exp(rng.uniform(low, high, documents)).astype(np.int64), rng)
    boilerplate = chain.sample(rng.integers(40, 120, _BOILERPLATES), rng)
    counts = {kind: round(share * documents) for kind, share in SHARES.items()}
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    kinds = rng.permutation(kinds + ["own"] * (documents - len(kinds))).tolist()
    originals = [number for number, kind in enumerate(kinds) if kind == "own"]
    texts: list[Text] = []
    plants: list[tuple[str, int | None]] = []
    for kind, own in zip(kinds, fresh, strict=True):
        if kind in _COPY:
            of = int(rng.choice(originals))
            texts.append(_COPY[kind](fresh[of], own, rng))
            plants.append((kind, of))
        else:
            shared = [boilerplate[rng.integers(_BOILERPLATES)]] if kind == "boilerplate" else []
            texts.append(Text.join(own, *shared))
            plants.append((kind, None))
    return texts, plants


def render(text: Text, vocabulary: Sequence[str], kind: str, number: int) -> str:
    """The text in letters: sentences begin with a capital; a variant stands in capitals, in small letters, or without marks."""
    marks = text.marks.copy()
    if kind == "variant" and number % 3 == 2:
        marks[marks < _MARKS.size - 1] = 0
    first = np.concatenate([[True], marks[:-1] >= _ENDS])
    pieces = np.empty(2 * marks.size, object)
    words = [vocabulary[word] for word in text.words.tolist()]
    pieces[0::2] = [word.capitalize() if big else word for word, big in zip(words, first.tolist(), strict=True)]
    pieces[1::2] = _MARKS[marks]
    line = "".join(pieces[:-1].tolist()) + "."
    if kind == "variant" and number % 3 < 2:
        return line.upper() if number % 3 else line.lower()
    return line


def _same(of: Text, own: Text, rng: Rng) -> Text:
    return of


def _near(of: Text, own: Text, rng: Rng) -> Text:
    """One of four changes, its strength such that the similarity lies between a half and one."""
    return _NEAR[rng.integers(len(_NEAR))](of, own, rng)


def _substitute(of: Text, own: Text, rng: Rng) -> Text:
    count = max(1, int(of.words.size * np.exp(rng.uniform(np.log(0.001), np.log(0.06)))))
    words = of.words.copy()
    words[rng.choice(words.size, count, replace=False)] = rng.choice(own.words, count)
    return Text(words, of.marks)


def _cut(of: Text, own: Text, rng: Rng) -> Text:
    return of[: int(of.words.size * rng.uniform(0.6, 0.99))]


def _continue(of: Text, own: Text, rng: Rng) -> Text:
    return Text.join(of, own[: 1 + int(of.words.size * rng.uniform(0, 0.5))])


def _move(of: Text, own: Text, rng: Rng) -> Text:
    for _ in range(rng.integers(1, 6)):
        first, second, third = sorted(rng.integers(0, of.words.size, 3))
        of = Text.join(of[:first], of[second:third], of[first:second], of[third:])
    return of


def _hard(of: Text, own: Text, rng: Rng) -> Text:
    """A text of about the same length with a run of the other's words: J = s / (2 - s) for a share s, between .15 and .35."""
    size = of.words.size
    length = int(size * rng.uniform(0.28, 0.51))
    start = rng.integers(0, size - length)
    rest = np.resize(np.arange(own.words.size), size - length)
    return Text.join(own[rest[: rest.size // 2]], of[start : start + length], own[rest[rest.size // 2 :]])


_COPY: dict[str, Callable[[Text, Text, Rng], Text]] = {"exact": _same, "variant": _same, "near": _near, "hard": _hard}
_NEAR = (_substitute, _cut, _continue, _move)


def _pronounceable(rng: Rng, count: int) -> Iterator[str]:
    """Words of one to four syllables."""
    onsets = "b br c ch d dr f fl g gr h j k l m n p pl r s sh st t tr v w".split()  # noqa: SIM905
    syllables = ["".join(parts) for parts in itertools.product(onsets, "aeiou", ["", "", "n", "r", "l", "st"])]
    for length in rng.choice([1, 2, 3, 4], count, p=[0.1, 0.5, 0.3, 0.1]):
        yield "".join(rng.choice(syllables, length))


def _write_tests(draft: Path, questions: Sequence[str]) -> None:
    """Half of the questions as a benchmark, half as instructions that are not trained on."""
    for name in ("benchmarks", "examples"):
        (draft / name).mkdir()
    write_jsonl(draft / "benchmarks" / "questions.jsonl", ({"question": question} for question in questions[:QUESTIONS]))
    rows = [{"messages": [{"role": "user", "content": question}], "part": "val"} for question in questions[QUESTIONS:]]
    with Dialogues(draft / "dialogues").writing() as written:
        write_jsonl(written.path / "instructions.jsonl", rows)
        write_jsonl(written.path / "preferences.jsonl", [])


def _write_corpus(draft: Path, documents: pa.Table) -> None:
    starts = range(0, documents.num_rows, SHARD)
    work = map_shards(partial(_piece, documents), starts, folder=draft / "pieces", run_map=lambda function, items: [*map(function, items)])
    Corpus(draft / "corpus").gather(work, tables=("documents",), sides={}, texts={})
    shutil.rmtree(draft / "pieces")


def _piece(documents: pa.Table, start: int) -> Iterator[Piece]:
    part = documents.slice(start, SHARD)
    yield Piece({"documents": part}, {"documents": part.num_rows})
