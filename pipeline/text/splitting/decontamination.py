"""Decontamination: training paragraphs that share an n-gram with held-out text or items are cut.

The unit is the paragraph: in one small world, shared 13-grams hit every book but only one paragraph in a hundred.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.tables import read_table
from pipeline.core.errors import PipelineError
from pipeline.core.shards import Piece
from pipeline.text.splitting.held_out_index import HELD_OUT_PARTS, HeldOutIndex, Hits
from pipeline.text.splitting.prompts import DIALOGUES

Policy = Literal["cut", "drop"]
CUT = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("paragraph", pa.int64()),  # from 0, in the document before cutting; null if the whole document was dropped
        pa.field("text", pa.string(), nullable=False),
        pa.field("against", pa.string(), nullable=False),  # val, test, dialogues, benchmark names: joined by commas
        pa.field("runs", pa.int32(), nullable=False),  # n-gram matches in it, counted once for every name that has the n-gram
    ]
)


@dataclass(frozen=True, kw_only=True)
class OverlapPolicies:
    """What is removed on overlap: the training paragraph (cut) or the training document (drop)."""

    held_out: Policy  # val and test
    dialogues: Policy  # test questions
    benchmarks: Policy

    def of(self, name: str) -> Policy:
        """The policy for a name of val, test, dialogues or a benchmark."""
        return self.held_out if name in HELD_OUT_PARTS else self.dialogues if name == DIALOGUES else self.benchmarks


@dataclass(frozen=True)
class EditedDocument:
    """A document without its cut paragraphs, and the bits of the others; None if unknown."""

    text: str
    bits: Sequence[float] | None


@dataclass(frozen=True)
class DecontaminatedShard:
    """The training documents of a shard after decontamination."""

    edits: Mapping[int, EditedDocument | None]  # by row, if something was cut; None if nothing is left
    cut: pa.Table  # columns as in CUT
    found: pa.Table  # {item}: numbers of the matched items
    counts: Mapping[str, Any]  # paragraphs cut, documents changed, documents removed; hits by name


def decontaminate(train: pa.Table, index: HeldOutIndex, policies: OverlapPolicies) -> DecontaminatedShard:
    """Remove what overlaps from training documents {id, text, bits}."""
    hits = all_hits(train["text"], index)
    edits: dict[int, EditedDocument | None] = {}
    cut: list[dict[str, Any]] = []
    for row, places in _by_row(hits):
        identity, text, bits = (train[name][row].as_py() for name in ("id", "text", "bits"))
        if any(policies.of(index.names[number]) == "drop" for found in places.values() for number in found):
            edits[row] = None
            cut.append(_cut(identity, None, text, sum(places.values(), Counter()), index.names))
        else:
            edits[row] = without_paragraphs(text, bits, places)
            paragraphs = text.split("\n\n")
            cut += [_cut(identity, place, paragraphs[place], hit, index.names) for place, hit in places.items()]
    counts = {
        "paragraphs": sum(row["paragraph"] is not None for row in cut),
        "documents": len(edits),
        "gone": sum(edited is None for edited in edits.values()),
        "leaks": hits_by_name(hits, index.names),
    }
    found = pa.table({"item": pa.array(hits.items, pa.int32())})
    return DecontaminatedShard(edits, pa.Table.from_pylist(cut, schema=CUT), found, counts)


def all_hits(texts: pa.ChunkedArray, index: HeldOutIndex) -> Hits:
    """All matches in the texts, also those that come about when short paragraphs become neighbours since what parted them is cut.

    An item may be told more than once.
    """
    rounds = [index.find(texts)]
    gone: dict[int, set[int]] = {}
    while rounds[-1].rows.size:
        fresh: dict[int, set[int]] = {}
        for row, paragraph in zip(rounds[-1].rows.tolist(), rounds[-1].paragraphs.tolist(), strict=True):
            fresh.setdefault(row, set()).add(paragraph)
        rows, lefts, edited = list[int](), list[list[int]](), list[str]()
        for row, found in fresh.items():
            paragraphs = texts[row].as_py().split("\n\n")
            own = gone.setdefault(row, set())
            own |= found
            if left := [place for place in range(len(paragraphs)) if place not in own]:
                rows.append(row)
                lefts.append(left)
                edited.append("\n\n".join(paragraphs[place] for place in left))
        again = index.find(pa.chunked_array([pa.array(edited, pa.string())]))
        places = [lefts[row][paragraph] for row, paragraph in zip(again.rows.tolist(), again.paragraphs.tolist(), strict=True)]
        rounds.append(replace(again, rows=np.array(rows, np.int32)[again.rows], paragraphs=np.array(places, np.int32)))
    return Hits(*(np.concatenate([getattr(one, field.name) for one in rounds]) for field in fields(Hits)))


def without_paragraphs(text: str, bits: Sequence[float] | None, places: Container[int]) -> EditedDocument | None:
    """The document without these paragraphs; None if nothing is left."""
    paragraphs = text.split("\n\n")
    left = [place for place in range(len(paragraphs)) if place not in places]
    if not left:
        return None
    known = bits if bits is not None and len(bits) == len(paragraphs) else None
    return EditedDocument("\n\n".join(paragraphs[place] for place in left), known and [known[place] for place in left])


def count_overlaps(path: Path, *, index: Path) -> Iterator[Piece]:
    """Overlapping paragraphs of a written train shard, by name: all should be 0."""
    table = HeldOutIndex(index)
    yield Piece({}, hits_by_name(table.find(read_table(path, ["text"])["text"]), table.names))


def check(total: Mapping[str, Any], left: Mapping[str, Mapping[str, int]]) -> None:
    """Raise PipelineError if nothing is left of train, or if train still overlaps."""
    if not total["train"]["documents"]:
        raise PipelineError("every training paragraph overlaps with held-out text", mend="dedup=minhash, or another split.seed")
    if still := {name: counts["paragraphs"] for name, counts in left.items() if counts["paragraphs"]}:
        raise PipelineError(f"train still overlaps with held-out text, paragraphs: {still}", mend="this is a bug, please report it")


def hits_by_name(hits: Hits, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Paragraphs and documents that overlap, by name."""
    found = np.unique(np.stack([hits.names, hits.rows, hits.paragraphs]), axis=1)
    documents = np.unique(found[:2], axis=1)
    by_name = {kind: np.bincount(table[0], minlength=len(names)) for kind, table in (("paragraphs", found), ("documents", documents))}
    return {name: {kind: int(counts[number]) for kind, counts in by_name.items()} for number, name in enumerate(names)}


def _by_row(hits: Hits) -> Iterator[tuple[int, dict[int, Counter[int]]]]:
    """For each row with hits: its paragraphs, and how often each name hits them."""
    finds = Counter(zip(hits.rows.tolist(), hits.paragraphs.tolist(), hits.names.tolist(), strict=True))
    for row, group in groupby(sorted(finds), key=lambda find: find[0]):
        places: dict[int, Counter[int]] = {}
        for find in group:
            places.setdefault(find[1], Counter())[find[2]] = finds[find]
        yield row, places


def _cut(identity: str, paragraph: int | None, text: str, hit: Counter[int], names: Sequence[str]) -> dict[str, Any]:
    """A row of CUT, from the number of hits of each name."""
    against = ",".join(names[number] for number in sorted(hit))
    return {"id": identity, "paragraph": paragraph, "text": text, "against": against, "runs": hit.total()}
