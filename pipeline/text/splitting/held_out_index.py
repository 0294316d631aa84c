"""An n-gram index of everything train may not repeat. It grows with the held-out text, so it lies on disk and workers memory-map it.

Long items are matched by any of their n-grams of `ngram` words; shorter ones by shorter n-grams, the shortest by all of their words
(13-grams as in Brown et al. 2020, appendix C).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, PositiveInt

from pipeline.core.artifact.split import Part
from pipeline.core.artifact.tables import Shard, read_tables
from pipeline.core.files import once, read_json, write_json
from pipeline.core.shards import Piece, Work
from pipeline.text.ngrams import Hashes, Int64Array
from pipeline.text.sorted_arrays import column_changes, in_sorted, sorted_unique
from pipeline.text.splitting.assignment import AssignedShard
from pipeline.text.splitting.paragraph_ngrams import Int32Array, as_single_paragraphs, bloom_filter, find_ngrams, ngrams_in

HELD_OUT_PARTS: tuple[Part, ...] = ("val", "test")
_RANGE = 1 << 27  # bytes of text whose n-grams are sorted at once: some 20 million
_NGRAM = pa.schema([pa.field("run", pa.uint64())])


@dataclass(frozen=True, kw_only=True)
class OverlapConfig:
    """How many consecutive words count as overlap."""

    ngram: Annotated[int, Field(ge=1, le=1000)]  # words
    short_ngram: PositiveInt  # words; for items shorter than ngram
    min_words: PositiveInt  # an item shorter than short_ngram is matched as a whole, one shorter than this is not matched

    def __post_init__(self) -> None:
        if not self.min_words <= self.short_ngram <= self.ngram:
            raise ValueError(f"out of order: min_words {self.min_words} <= short_ngram {self.short_ngram} <= ngram {self.ngram}")


@dataclass(frozen=True)
class ItemNgrams:
    """The n-grams of items."""

    ngrams: Hashes  # ascending
    owners: Int32Array  # the item of each n-gram
    sizes: tuple[int, ...]  # n of the n-grams
    short_bloom: Hashes  # n-grams of the least size, of items shorter than ngram: without one of these, no short item matches
    unchecked: npt.NDArray[np.bool_]  # items too short to be matched


@dataclass(frozen=True)
class Hits:
    """Matches of indexed n-grams: where, and for which name; once per name, however many of its items have the n-gram."""

    rows: Int32Array
    paragraphs: Int32Array
    names: Int32Array  # position in HeldOutIndex.names
    items: Int32Array  # numbers of the matched items


def hash_ranges(shards: Sequence[Shard], share: float) -> int:
    """How many hash ranges are needed so that the n-grams of a share of the text in one range can be sorted in memory."""
    groups = [pq.read_metadata(shard.path("documents")) for shard in shards]
    size = sum(group.row_group(place).total_byte_size for group in groups for place in range(group.num_row_groups))
    return 1 + int(size * share) // _RANGE


def held_out_ngrams(assigned: AssignedShard, *, ngram: int, ranges: int) -> Iterator[Piece]:
    """The unique n-grams of a shard's val and test, one piece per hash range."""
    texts = assigned.documents(["text"])["text"]
    ngrams = {part: sorted_unique(ngrams_in(texts.filter(assigned.mask(part)), [ngram]).hashes) for part in HELD_OUT_PARTS}
    bounds = np.array([(turn << 64) // ranges for turn in range(1, ranges)], np.uint64)
    pieces = {part: np.split(ngrams[part], np.searchsorted(ngrams[part], bounds)) for part in HELD_OUT_PARTS}
    for turn in range(ranges):
        yield Piece({part: pa.table([pieces[part][turn]], schema=_NGRAM) for part in HELD_OUT_PARTS}, {})


def item_ngrams(texts: Sequence[str], overlap: OverlapConfig) -> ItemNgrams:
    """The n-grams by which items are matched; each item is one paragraph."""
    column = as_single_paragraphs(texts)
    words = np.bincount(ngrams_in(column, [1]).rows, minlength=len(texts))
    known_by = np.where(words >= overlap.ngram, overlap.ngram, np.where(words >= overlap.short_ngram, overlap.short_ngram, words))
    unchecked = words < overlap.min_words
    ngrams, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
    used = np.unique(known_by[~unchecked]).tolist()
    for length in used:
        rows = np.flatnonzero((known_by == length) & ~unchecked).astype(np.int32)
        found = ngrams_in(column.take(pa.array(rows)), [length])
        ngrams.append(found.hashes)
        owners.append(rows[found.rows])
    order = np.lexsort((np.concatenate(owners), np.concatenate(ngrams)))
    short_bloom = ngrams_in(column.filter(pa.array((words < overlap.ngram) & ~unchecked)), used[:1]).hashes
    return ItemNgrams(np.concatenate(ngrams)[order], np.concatenate(owners)[order], tuple(used), short_bloom, unchecked)


def write_index(folder: Path, work: Work, items: Mapping[str, Sequence[str]], *, overlap: OverlapConfig, ranges: int) -> Path:
    """Write the index of held-out n-grams and of items, by name; an existing one is kept."""

    def write(draft: Path) -> None:
        for part in HELD_OUT_PARTS:
            _merge(work.paths(part), draft / f"{part}.u64", ranges)
        known = item_ngrams([text for texts in items.values() for text in texts], overlap)
        known.ngrams.tofile(draft / "items.u64")
        known.owners.tofile(draft / "owners.i32")
        tables = [_mapped(draft / f"{name}.u64", np.uint64) for name in (*HELD_OUT_PARTS, "items")]
        bloom_filter(tables).tofile(draft / "sieve.u64")
        bloom_filter([known.short_bloom]).tofile(draft / "gate.u64")
        starts = np.cumsum([0, *(len(texts) for texts in items.values())]).tolist()
        unchecked = [int(known.unchecked[start:stop].sum()) for start, stop in pairwise(starts)]
        words = sorted({overlap.ngram, *known.sizes})
        write_json(draft / "facts.json", {"names": [*HELD_OUT_PARTS, *items], "words": words, "starts": starts, "unchecked": unchecked})

    return once(folder.resolve(), write)


class HeldOutIndex:
    """The memory-mapped index that write_index wrote."""

    def __init__(self, folder: Path) -> None:
        facts: dict[str, Any] = read_json(folder / "facts.json")
        self.names: tuple[str, ...] = tuple(facts["names"])  # val, test, then dialogues and benchmarks
        self._words: list[int] = facts["words"]
        self._starts = np.array(facts["starts"])  # number of the first item of each name; at the end the total
        self._unchecked: list[int] = facts["unchecked"]
        self._parts = [_mapped(folder / f"{part}.u64", np.uint64) for part in HELD_OUT_PARTS]
        self._items, self._owners = _mapped(folder / "items.u64", np.uint64), _mapped(folder / "owners.i32", np.int32)
        self._sieve, self._gate = _mapped(folder / "sieve.u64", np.uint64), _mapped(folder / "gate.u64", np.uint64)

    def find(self, texts: pa.ChunkedArray) -> Hits:
        """All matches in the texts. The names of an n-gram are looked up once, not for each occurrence."""
        ngrams = find_ngrams(texts, self._words, self._sieve, self._gate)
        places, names = [], []
        for number, table in enumerate(self._parts):
            here = np.flatnonzero(in_sorted(ngrams.hashes, table))
            places.append(here)
            names.append(np.full(here.size, number, np.int32))
        here = np.flatnonzero(in_sorted(ngrams.hashes, self._items))
        asked = sorted_unique(ngrams.hashes[here])
        first = np.searchsorted(self._items, asked)
        many = np.searchsorted(self._items, asked, side="right") - first
        items = np.asarray(self._owners[_spread(first, many)])
        own, starts = self._names_of(items, np.repeat(np.arange(asked.size), many), asked.size)
        which = np.searchsorted(asked, ngrams.hashes[here])
        several = np.diff(starts)[which]
        places.append(np.repeat(here, several))
        names.append(own[_spread(starts[which], several)])
        where = np.concatenate(places)
        return Hits(ngrams.rows[where], ngrams.paragraphs[where], np.concatenate(names), np.unique(items))

    def item_counts(self, found: Iterable[Int32Array]) -> dict[str, dict[str, int]]:
        """For each name: items, items found (by their numbers), and items too short to be matched."""
        seen = np.zeros(self._starts[-1], np.bool_)
        for numbers in found:
            seen[numbers] = True
        return {
            name: {"items": stop - start, "found": int(seen[start:stop].sum()), "unchecked": self._unchecked[place]}
            for place, (name, (start, stop)) in enumerate(
                zip(self.names[len(HELD_OUT_PARTS) :], pairwise(self._starts.tolist()), strict=True)
            )
        }

    def _names_of(self, items: Int32Array, of: Int64Array, ngrams: int) -> tuple[Int32Array, Int64Array]:
        """The names of each n-gram, from the items that have it; those of n-gram i are at starts[i]:starts[i + 1]."""
        names = (np.searchsorted(self._starts, items, side="right") - 1 + len(HELD_OUT_PARTS)).astype(np.int32)
        fresh = column_changes(np.stack([of, names]))  # the items of an n-gram ascend, and so do their names
        return names[fresh], np.append(0, np.cumsum(np.bincount(of[fresh], minlength=ngrams)))


def _merge(paths: Sequence[Path], target: Path, ranges: int) -> None:
    """Merge the n-grams of the files, unique and ascending, into one file; only one hash range is held at a time."""
    with target.open("wb") as file:
        for turn in range(ranges):
            sorted_unique(read_tables(paths[turn::ranges])["run"].to_numpy()).tofile(file)


def _mapped(path: Path, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.asarray(np.memmap(path, kind, mode="r")) if path.stat().st_size else np.frombuffer(b"", kind)


def _spread(first: Int64Array, many: Int64Array) -> Int64Array:
    """The concatenated ranges first, first + 1, ..., `many` numbers from each `first`."""
    ends = np.cumsum(many)
    return np.arange(ends[-1] if many.size else 0) + np.repeat(first - ends + many, many)
