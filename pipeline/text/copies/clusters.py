"""Which documents are one: exact copies by a hash of the text, near ones by MinHash and an exact comparison of what it brings together.

A cluster is a component of the graph of copies; its document of the lowest number is kept. Numbers stand for the order of precedence: by
the priority of the source, then by position. So the result hangs neither on the shards nor on who worked on them.

Members of a bucket (documents that share the key of a band) are compared with its first ones, the pivots; where it holds more, a further
round takes the next pivots, and leaves out what is connected by then. So n documents that are all alike cost n comparisons a pivot,
not n^2.

Bytes a document held here: numbers 4, positions 4, exact leaders 4, parents 4, similarity 8, a flag; 40 a candidate pair while it is
looked up. Ranges of keys are held one a worker.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.components import unite
from pipeline.text.copies.compare import Compared, Similarities, compare, pair_keys
from pipeline.text.copies.index import Index, first_saved, give, groups, load, save
from pipeline.text.ngrams import Hashes, Numbers
from pipeline.text.ordered import among, distinct

_log = logging.getLogger(__name__)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@dataclass(frozen=True, kw_only=True)
class Near:
    """When two documents are one."""

    shingle: int  # words
    threshold: float  # Jaccard similarity of the shingles, 0..1
    bands: int
    rows: int  # hash values of a band
    pivots: int  # members of a bucket that are compared with all of it in a round
    rounds: int


@dataclass(frozen=True)
class Copies:
    """What each document is to its cluster, by position."""

    keeper: Numbers  # the position of the document that is kept
    similarity: Similarities  # to the document of its cluster that is most like it; nan for a single one
    exact: npt.NDArray[np.bool_]  # whether that is an exact copy

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Whether a document is the one that is kept."""
        kept: npt.NDArray[np.bool_] = self.keeper == np.arange(self.keeper.size)
        return kept


@dataclass(frozen=True)
class Effort:
    """How much was worked out anew, and what was left undone."""

    compared: int  # pairs whose shingles were compared
    remembered: int  # pairs that the memory knew
    left: int  # pairs of the round after the last one


@dataclass(frozen=True)
class Found:
    """The copies, and what finding them took."""

    copies: Copies
    effort: Effort


def order_of(source: Corpus, index: Index, priorities: Sequence[str]) -> Numbers:
    """The number of each position. A source that has priority and no document is warned of."""
    if not priorities:
        return np.arange(index.documents, dtype=np.uint32)
    ranks = {name: rank for rank, name in enumerate(priorities)}
    columns = [shard.table("documents", ["source"])["source"].combine_chunks().dictionary_encode() for shard in source.shards]
    known = sorted({name for column in columns for name in column.dictionary.to_pylist()})
    if missing := [name for name in priorities if name not in known]:  # perhaps none of its documents was selected
        _log.warning("dedup.priorities names %s; the selected documents are of %s", ", ".join(missing), ", ".join(known))
    own = [np.array([ranks.get(name, len(ranks)) for name in column.dictionary.to_pylist()], np.int32) for column in columns]
    rank = np.concatenate([codes[column.indices.to_numpy()] for codes, column in zip(own, columns, strict=True)])
    return inverse(np.argsort(rank, kind="stable").astype(np.uint32))


def inverse(order: Numbers) -> Numbers:
    """The position of each number, or the number of each position."""
    back = np.empty_like(order)
    back[order] = np.arange(order.size, dtype=np.uint32)
    return back


def find_copies(source: Corpus, index: Index, near: Near | None, numbers: Numbers, *, folder: Path, memory: Path, run_map: Map) -> Found:
    """The copies of the corpus, of which `near` None finds the exact ones only. A document without words is like no other."""
    give(folder / "numbers.npy", numbers)
    give(folder / "contents.npy", index.whole("content"))
    parent = _leaders(index, folder, run_map)
    exact = np.zeros(parent.size, np.bool_)
    exact[np.flatnonzero(parent != np.arange(parent.size))] = True
    exact[parent[exact]] = True
    similarity, effort = np.where(exact, 1.0, np.nan), Effort(0, 0, 0)
    if near is not None:
        give(folder / "leaders.npy", parent)
        effort = _join_near(source, index, near, parent, similarity, folder=folder, memory=memory, run_map=run_map)
    positions = inverse(numbers)
    return Found(Copies(positions[parent[numbers]], similarity[numbers], exact[numbers]), effort)


def _join_near(
    source: Corpus, index: Index, near: Near, parent: Numbers, similarity: Similarities, *, folder: Path, memory: Path, run_map: Map
) -> Effort:
    """Join what is alike in `parent`, and note in `similarity` how alike it is, both by number."""
    contents, positions = load(folder / "contents.npy"), inverse(load(folder / "numbers.npy"))
    known, used, done = Compared.load(memory, near.shingle), Compared.nothing(), np.empty(0, np.uint64)
    fresh, turn = 0, 0
    while True:
        here = folder / f"round-{turn:02d}"
        give(here / "roots.npy", parent)
        parts = run_map(partial(_candidates, index, near, turn, folder), index.ranges("keys"))
        packed = distinct(np.concatenate([load(part / "pairs.npy") for part in parts]))
        packed = packed[~among(packed, done)]
        if turn == near.rounds:
            break
        pairs = np.stack([packed >> _HALF, packed & _LOW], axis=1).astype(np.int64)
        places = positions[pairs].astype(np.int64)
        keys = pair_keys(contents, places)
        found = first_saved(here / "known", known.find(keys)).copy()  # a resumed run goes on from what the memory said then
        new = np.isnan(found)
        found[new] = compare(index, source.shards, places[new], shingle=near.shingle, folder=here, run_map=run_map)
        fresh, used, done = fresh + int(new.sum()), used.with_pairs(keys, found), np.sort(np.concatenate([done, packed]))
        alike = found >= near.threshold
        unite(parent, pairs[alike])
        for side in pairs[alike].T:
            np.fmax.at(similarity, side, found[alike])
        turn += 1
        if max(int(load(part / "largest.npy")[0]) for part in parts) <= turn * near.pivots + 1:
            packed = packed[:0]
            break
    used.save(memory, near.shingle)
    return Effort(compared=fresh, remembered=done.size - fresh, left=packed.size)


def _leaders(index: Index, folder: Path, run_map: Map) -> Numbers:
    """For each number the lowest one of the same text."""
    leader = np.arange(index.documents, dtype=np.uint32)
    for path in run_map(partial(_equal, index, folder), index.ranges("keys")):
        first, later = load(path / "pairs.npy")
        leader[later] = first
    return leader


def _equal(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    """Pairs (lowest number, number) of equal texts, [2, pairs]."""

    def write(draft: Path) -> None:
        keys, positions = next(index.keys(part, range(1)))
        numbers = load(folder / "numbers.npy")[positions]
        indices, first = groups([keys, load(folder / "contents.npy")[positions, 1]], numbers)
        later = first != np.arange(first.size)
        save(draft / "pairs.npy", np.stack([numbers[indices[first[later]]], numbers[indices[later]]]))

    return once(folder / f"equal-{part[0]:05d}", write)


def _candidates(index: Index, near: Near, turn: int, folder: Path, part: tuple[int, int]) -> Path:
    """Pairs of numbers that this round compares, packed and sorted, and the size of the largest bucket."""

    def write(draft: Path) -> None:
        numbers, leaders = load(folder / "numbers.npy"), load(folder / "leaders.npy")
        roots = load(folder / f"round-{turn:02d}" / "roots.npy")
        found, largest = [np.empty(0, np.uint64)], 0
        for keys, positions in index.keys(part, range(1, near.bands + 1)):
            own = numbers[positions]
            leading = leaders[own] == own
            pairs, size = _pivot_pairs(keys[leading], own[leading], range(turn * near.pivots, (turn + 1) * near.pivots))
            if turn:
                pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
            found.append(pairs[:, 0].astype(np.uint64) << _HALF | pairs[:, 1])
            largest = max(largest, size)
        save(draft / "pairs.npy", distinct(np.concatenate(found)))
        save(draft / "largest.npy", np.array([largest]))

    return once(folder / f"round-{turn:02d}" / f"candidates-{part[0]:05d}", write)


def _pivot_pairs(keys: Hashes, numbers: Numbers, pivots: range) -> tuple[Numbers, int]:
    """Pairs (pivot, later member) of each bucket [pairs, 2], and the size of the largest bucket."""
    indices, first = groups([keys], numbers)
    members, turn = numbers[indices], np.arange(first.size) - first
    found = [np.empty((0, 2), np.uint32)]
    for pivot in pivots:
        later = np.flatnonzero(turn > pivot)
        if not later.size:
            break
        found.append(np.stack([members[first[later] + pivot], members[later]], axis=1))
    return np.concatenate(found), int(turn.max(initial=-1)) + 1
