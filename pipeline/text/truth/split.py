"""Precision and recall of decontamination against planted leaks.

Columns of the truth table: id, leaks (paragraphs that ask what a test may ask), quotes {text, of} (spans of words in a paragraph that also
occur in the document `of`). It does not know the test questions or the split, so leaks are determined here by plain string search.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import Part
from pipeline.core.artifact.tables import read_table
from pipeline.core.shards import Work
from pipeline.text.splitting.held_out_index import HELD_OUT_PARTS

_WORD = re.compile(r"[^\W_]+")
Paragraph = tuple[str, str]  # the id of the document, and the text


@dataclass(frozen=True)
class Train:
    """The planted documents' paragraphs of train: those that were cut, alone or with their document, and those that are left."""

    gone: set[Paragraph]
    left: set[Paragraph]

    def recalled(self, planted: Iterable[Paragraph]) -> tuple[int, float | None]:
        """How many of the planted paragraphs reached train, and the share of these that was cut."""
        reached = {one for one in planted if one in self.gone or one in self.left}
        return len(reached), len(reached & self.gone) / len(reached) if reached else None


def leak_metrics(corpus: Corpus, work: Work, items: Mapping[str, Sequence[str]], *, ngram: int) -> dict[str, Any]:
    """{"truth": {name: planted, recall, precision}} if the corpus has a table `truth`, else nothing.

    Benchmarks and dialogues: recall is the share cut of the planted paragraphs that reached train and contain one of the items, its words
    consecutive; precision is the share of the paragraphs cut for it that were planted and contain one. Val and test: recall is the share
    cut of the paragraphs of train with a planted quote that is also in that part; precision is the share of the paragraphs cut for it that
    have `ngram` consecutive words in common with it. A dropped document counts by its paragraphs, for recall only.
    """
    if not corpus.has_table("truth"):
        return {}
    planted = [row for row in corpus.table("truth", ["id", "leaks", "quotes"]).to_pylist() if row["leaks"] or row["quotes"]]
    cut = work.table("cut").to_pylist()
    ids = pa.array([row["id"] for row in planted], pa.string())
    train = Train({(row["id"], text) for row in cut for text in row["text"].split("\n\n")}, _paragraphs_in(work, "train", ids))
    leaks = {(row["id"], text) for row in planted for text in row["leaks"]}
    found: dict[str, Any] = {}
    for name, texts in items.items():
        asked = [f" {words} " for words in dict.fromkeys(" ".join(_words(text)) for text in texts) if words]
        holding = {one for one in leaks if any(words in f" {' '.join(_words(one[1]))} " for words in asked)}
        found[name] = _metrics(train.recalled(holding), [one in holding for one in _cut_for(name, cut)])
    for part in HELD_OUT_PARTS:
        there = _paragraphs_in(work, part, ids)
        quoting = _quoting(planted, there, train.gone | train.left)
        shared = _shared([text for _, text in _cut_for(part, cut)], work, part, ngram)
        found[part] = _metrics(train.recalled(quoting), shared)
    return {"truth": found}


def _metrics(recalled: tuple[int, float | None], right: Sequence[bool]) -> dict[str, float | int | None]:
    planted, recall = recalled
    return {"planted": planted, "recall": recall, "precision": sum(right) / len(right) if right else None}


def _cut_for(name: str, cut: Sequence[Mapping[str, Any]]) -> list[Paragraph]:
    """The paragraphs that were cut because of this name."""
    return [(row["id"], row["text"]) for row in cut if row["paragraph"] is not None and name in row["against"].split(",")]


def _quoting(planted: Sequence[Mapping[str, Any]], there: set[Paragraph], train: set[Paragraph]) -> set[Paragraph]:
    """The paragraphs of train with a quote that the other document has in its part."""
    quotes = {row["id"]: [(quote["of"], quote["text"]) for quote in row["quotes"]] for row in planted}
    held = {(identity, text) for identity, paragraph in there for _, text in quotes[identity] if text in paragraph}
    return {one for one in train if any(text in one[1] and (of, text) in held for of, text in quotes.get(one[0], ()))}


def _shared(paragraphs: Sequence[str], work: Work, part: Part, ngram: int) -> list[bool]:
    """Whether each paragraph has `ngram` consecutive words in common with a paragraph of the part."""
    runs = [set(_runs(text, ngram)) for text in paragraphs]
    wanted = set[tuple[str, ...]]().union(*runs)
    texts = (text for path in work.paths(part) for text in read_table(path, ["text"])["text"].to_pylist())
    there = {run for text in texts for paragraph in text.split("\n\n") for run in _runs(paragraph, ngram) if run in wanted}
    return [not some.isdisjoint(there) for some in runs]


def _paragraphs_in(work: Work, part: Part, ids: pa.Array) -> set[Paragraph]:
    """The paragraphs of these documents in the part."""
    found: set[Paragraph] = set()
    for path in work.paths(part):
        table = read_table(path, ["book", "text"])
        for row in table.filter(pc.is_in(table["book"], ids)).to_pylist():
            found.update((row["book"], text) for text in row["text"].split("\n\n"))
    return found


def _runs(text: str, length: int) -> Iterator[tuple[str, ...]]:
    words = _words(text)
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
