"""Nothing that is asked was read before: training paragraphs that share a run of words with what is held out are cut.

The unit is the paragraph: on one small world a 13-gram that is shared hits every book, but one paragraph in a hundred.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.tables import read_table
from pipeline.core.errors import PipelineError
from pipeline.core.shards import Piece
from pipeline.text.parting.held import HELD, Held, Hits
from pipeline.text.parting.prompts import DIALOGUES

Policy = Literal["cut", "drop"]
CUT = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("paragraph", pa.int64()),  # from 0, in the document as it was; null where the whole document was dropped
        pa.field("text", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),  # val, test, dialogues, names of benchmarks: joined by commas
        pa.field("runs", pa.int32(), nullable=False),  # how often held-out runs stand in it, each once for every name that has it
    ]
)


@dataclass(frozen=True, kw_only=True)
class Policies:
    """What becomes of a training document that repeats something: the paragraph is cut, or the document dropped."""

    parts: Policy  # val and test
    dialogues: Policy  # test questions
    benchmarks: Policy

    def of(self, name: str) -> Policy:
        """The policy for what a hit belongs to."""
        return self.parts if name in HELD else self.dialogues if name == DIALOGUES else self.benchmarks


@dataclass(frozen=True)
class Edited:
    """A document without the paragraphs that were cut; the bits of those that are left, null where they are unknown."""

    text: str
    bits: Sequence[float] | None


@dataclass(frozen=True)
class Cleansed:
    """What becomes of a shard's training documents."""

    edits: Mapping[int, Edited | None]  # by row, where something was cut; None where nothing is left
    cut: pa.Table  # columns as in CUT
    found: pa.Table  # {item}: the numbers of the items that were found
    counts: Mapping[str, Any]  # paragraphs cut, documents touched, of these gone; by name the paragraphs and documents that it hit


def cleanse(train: pa.Table, held: Held, policies: Policies) -> Cleansed:
    """Cut from training documents {id, text, bits} what is held out."""
    hits = held.find(train["text"])
    edits: dict[int, Edited | None] = {}
    cut: list[dict[str, Any]] = []
    for row, places in _by_row(hits):
        identity, text, bits = (train[name][row].as_py() for name in ("id", "text", "bits"))
        if any(policies.of(held.names[number]) == "drop" for found in places.values() for number in found):
            edits[row] = None
            cut.append(_cut(identity, None, text, sum(places.values(), Counter()), held.names))
        else:
            edits[row] = without(text, bits, places)
            paragraphs = text.split("\n\n")
            cut += [_cut(identity, place, paragraphs[place], hit, held.names) for place, hit in places.items()]
    counts = {
        "paragraphs": sum(row["paragraph"] is not None for row in cut),
        "documents": len(edits),
        "gone": sum(edited is None for edited in edits.values()),
        "leaks": leaks(hits, held.names),
    }
    found = pa.table({"item": pa.array(hits.items, pa.int32())})
    return Cleansed(edits, pa.Table.from_pylist(cut, schema=CUT), found, counts)


def without(text: str, bits: Sequence[float] | None, places: Container[int]) -> Edited | None:
    """The text without these paragraphs; None where nothing is left."""
    paragraphs = text.split("\n\n")
    left = [place for place in range(len(paragraphs)) if place not in places]
    if not left:
        return None
    known = bits if bits is not None and len(bits) == len(paragraphs) else None
    return Edited("\n\n".join(paragraphs[place] for place in left), known and [known[place] for place in left])


def recount(path: Path, *, held: Path) -> Iterator[Piece]:
    """How many paragraphs of a written shard of train repeat something, by name: all should be 0."""
    table = Held(held)
    yield Piece({}, leaks(table.find(read_table(path, ["text"])["text"]), table.names))


def check(total: Mapping[str, Any], left: Mapping[str, Mapping[str, int]]) -> None:
    """Raise PipelineError when nothing is left of train, or what is left still repeats what is held out."""
    if not total["train"]["documents"]:
        raise PipelineError("every training paragraph shares text with what is held out", mend="run dedup, or choose another split.seed")
    if still := {name: counts["paragraphs"] for name, counts in left.items() if counts["paragraphs"]}:
        raise PipelineError(
            f"train still repeats held-out text, by paragraphs: {still}", mend="report this: what was cut does not cover it"
        )


def leaks(hits: Hits, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """By name the paragraphs and the documents that share a run with what it names."""
    found = np.unique(np.stack([hits.names, hits.rows, hits.paragraphs]), axis=1)
    documents = np.unique(found[:2], axis=1)
    by_name = {kind: np.bincount(table[0], minlength=len(names)) for kind, table in (("paragraphs", found), ("documents", documents))}
    return {name: {kind: int(counts[number]) for kind, counts in by_name.items()} for number, name in enumerate(names)}


def _by_row(hits: Hits) -> Iterator[tuple[int, dict[int, Counter[int]]]]:
    """For each row that was hit: its paragraphs, and by whom and how often each was hit."""
    finds = Counter(zip(hits.rows.tolist(), hits.paragraphs.tolist(), hits.names.tolist(), strict=True))
    for row, group in groupby(sorted(finds), key=lambda find: find[0]):
        places: dict[int, Counter[int]] = {}
        for find in group:
            places.setdefault(find[1], Counter())[find[2]] = finds[find]
        yield row, places


def _cut(identity: str, paragraph: int | None, text: str, hit: Counter[int], names: Sequence[str]) -> dict[str, Any]:
    """A row of CUT, from how often each name was hit."""
    against = ",".join(names[number] for number in sorted(hit))
    return {"id": identity, "paragraph": paragraph, "text": text, "against": against, "runs": hit.total()}
