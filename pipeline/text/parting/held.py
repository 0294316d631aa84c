"""What train may not repeat: a table of runs of words, on disk, because it grows with the held-out text. Workers map it and share it.

Long items are known by any of their runs of `ngram` words. Those that have fewer words are known by shorter runs, the shortest by all of
their words (13-grams as in Brown et al. 2020, appendix C).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.artifact.split import Part
from pipeline.core.artifact.tables import Shard, read_tables
from pipeline.core.errors import PipelineError
from pipeline.core.files import once, read_json, write_json
from pipeline.core.shards import Piece, Work
from pipeline.text.ngrams import Hashes, Integers
from pipeline.text.ordered import among, distinct, new_columns
from pipeline.text.parting.runs import Places, as_paragraphs, find_runs, runs_of, sieve_of
from pipeline.text.parting.split import Dealt

HELD: tuple[Part, ...] = ("val", "test")
_RANGE = 1 << 27  # bytes of text whose runs are sorted at once: some 20 million runs
_RUN = pa.schema([pa.field("run", pa.uint64())])


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """By how many words in a row something is known."""

    ngram: int  # words
    short: int  # words; for items that have fewer than ngram
    least: int  # words; an item that has fewer than short is looked for as a whole, one that has fewer than least is not


@dataclass(frozen=True)
class Items:
    """Items as runs of words."""

    runs: Hashes  # ascending
    owners: Places  # the item of each run
    lengths: tuple[int, ...]  # words; of the runs
    gate: Hashes  # runs of the least length of items that have fewer than ngram words: where none is, no short item is
    unchecked: npt.NDArray[np.bool_]  # for each item whether it is too short to be looked for


@dataclass(frozen=True)
class Hits:
    """Each find of a held-out run: where it stands, and whose it is; once for each name, however many of its items hold it."""

    rows: Places
    paragraphs: Places
    names: Places  # position in Held.names
    items: Places  # the numbers of the items that were found, by any of their runs


def ranges_of(shards: Sequence[Shard], share: float) -> int:
    """How many ranges of hashes there must be, so that a range of the runs of a share of the text can be sorted in memory."""
    groups = [pq.read_metadata(shard.path("documents")) for shard in shards]
    size = sum(group.row_group(place).total_byte_size for group in groups for place in range(group.num_row_groups))
    return 1 + int(size * share) // _RANGE


def held_runs(dealt: Dealt, *, ngram: int, ranges: int) -> Iterator[Piece]:
    """The distinct runs of a shard's val and test, a piece for each of so many equal ranges of hashes."""
    texts = dealt.shard.table("documents", ["text"])["text"]
    runs = {part: distinct(runs_of(texts.filter(dealt.among(part)), [ngram]).hashes) for part in HELD}
    bounds = np.array([(turn << 64) // ranges for turn in range(1, ranges)], np.uint64)
    pieces = {part: np.split(runs[part], np.searchsorted(runs[part], bounds)) for part in HELD}
    for turn in range(ranges):
        yield Piece({part: pa.table([pieces[part][turn]], schema=_RUN) for part in HELD}, {})


def item_runs(texts: Sequence[str], lengths: Lengths) -> Items:
    """The runs by which items are known, each of which is read as one paragraph."""
    column = as_paragraphs(texts)
    words = np.bincount(runs_of(column, [1]).rows, minlength=len(texts))
    known_by = np.where(words >= lengths.ngram, lengths.ngram, np.where(words >= lengths.short, lengths.short, words))
    unchecked = words < lengths.least
    runs, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
    used = np.unique(known_by[~unchecked]).tolist()
    for length in used:
        rows = np.flatnonzero((known_by == length) & ~unchecked).astype(np.int32)
        found = runs_of(column.take(pa.array(rows)), [length])
        runs.append(found.hashes)
        owners.append(rows[found.rows])
    order = np.lexsort((np.concatenate(owners), np.concatenate(runs)))
    gate = runs_of(column.filter(pa.array((words < lengths.ngram) & ~unchecked)), used[:1]).hashes
    return Items(np.concatenate(runs)[order], np.concatenate(owners)[order], tuple(used), gate, unchecked)


def write_held(folder: Path, work: Work, items: Mapping[str, Sequence[str]], *, lengths: Lengths, ranges: int) -> Path:
    """The table of what held_runs found and of the items, by the name of what they belong to; one that is there stays as it is.

    Raises PipelineError when the lengths are not in order.
    """
    if not 1 <= lengths.least <= lengths.short <= lengths.ngram <= 1000:
        raise PipelineError(
            f"split.lengths are out of order: {lengths}", mend="1 <= least <= short <= ngram, as in least=4 short=8 ngram=13"
        )

    def write(draft: Path) -> None:
        for part in HELD:
            _merge(work.paths(part), draft / f"{part}.u64", ranges)
        known = item_runs([text for texts in items.values() for text in texts], lengths)
        known.runs.tofile(draft / "items.u64")
        known.owners.tofile(draft / "owners.i32")
        tables = [_mapped(draft / f"{name}.u64", np.uint64) for name in (*HELD, "items")]
        sieve_of(tables).tofile(draft / "sieve.u64")
        sieve_of([known.gate]).tofile(draft / "gate.u64")
        starts = np.cumsum([0, *(len(texts) for texts in items.values())]).tolist()
        unchecked = [int(known.unchecked[start:stop].sum()) for start, stop in pairwise(starts)]
        words = sorted({lengths.ngram, *known.lengths})
        write_json(draft / "facts.json", {"names": [*HELD, *items], "words": words, "starts": starts, "unchecked": unchecked})

    return once(folder.resolve(), write)


class Held:
    """The table that write_held wrote, of which only the parts that are looked at are read."""

    def __init__(self, folder: Path) -> None:
        facts: dict[str, Any] = read_json(folder / "facts.json")
        self.names: tuple[str, ...] = tuple(facts["names"])  # val, test, then those of the items
        self._words: list[int] = facts["words"]
        self._starts = np.array(facts["starts"])  # number of the first item of each name; at the end how many there are
        self._unchecked: list[int] = facts["unchecked"]
        self._parts = [_mapped(folder / f"{part}.u64", np.uint64) for part in HELD]
        self._items, self._owners = _mapped(folder / "items.u64", np.uint64), _mapped(folder / "owners.i32", np.int32)
        self._sieve, self._gate = _mapped(folder / "sieve.u64", np.uint64), _mapped(folder / "gate.u64", np.uint64)

    def find(self, texts: pa.ChunkedArray) -> Hits:
        """All finds of held-out runs in the texts. What a run is common to is looked up once, not where it stands each time."""
        runs = find_runs(texts, self._words, self._sieve, self._gate)
        places, names = [], []
        for number, table in enumerate(self._parts):
            here = np.flatnonzero(among(runs.hashes, table))
            places.append(here)
            names.append(np.full(here.size, number, np.int32))
        here = np.flatnonzero(among(runs.hashes, self._items))
        asked = distinct(runs.hashes[here])
        first = np.searchsorted(self._items, asked)
        many = np.searchsorted(self._items, asked, side="right") - first
        items = np.asarray(self._owners[_spread(first, many)])
        own, starts = self._names_of(items, np.repeat(np.arange(asked.size), many), asked.size)
        which = np.searchsorted(asked, runs.hashes[here])
        several = np.diff(starts)[which]
        places.append(np.repeat(here, several))
        names.append(own[_spread(starts[which], several)])
        where = np.concatenate(places)
        return Hits(runs.rows[where], runs.paragraphs[where], np.concatenate(names), np.unique(items))

    def told(self, found: Iterable[Places]) -> dict[str, dict[str, int]]:
        """By name: how many items there are, how many of them were found (by their numbers), and how many were too short to look for."""
        seen = np.zeros(self._starts[-1], np.bool_)
        for numbers in found:
            seen[numbers] = True
        return {
            name: {"items": stop - start, "found": int(seen[start:stop].sum()), "unchecked": self._unchecked[place]}
            for place, (name, (start, stop)) in enumerate(zip(self.names[len(HELD) :], pairwise(self._starts.tolist()), strict=True))
        }

    def _names_of(self, items: Places, of: Integers, runs: int) -> tuple[Places, Integers]:
        """The names of each of so many runs, by the items of which it is one; those of run r stand at starts[r]:starts[r + 1]."""
        names = (np.searchsorted(self._starts, items, side="right") - 1 + len(HELD)).astype(np.int32)
        fresh = new_columns(np.stack([of, names]))  # the items of a run ascend, and so do their names
        return names[fresh], np.append(0, np.cumsum(np.bincount(of[fresh], minlength=runs)))


def _merge(paths: Sequence[Path], target: Path, ranges: int) -> None:
    """The distinct runs of the files, ascending, in one file; only one range of them is held at a time."""
    with target.open("wb") as file:
        for turn in range(ranges):
            distinct(read_tables(paths[turn::ranges])["run"].to_numpy()).tofile(file)


def _mapped(path: Path, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.asarray(np.memmap(path, kind, mode="r")) if path.stat().st_size else np.frombuffer(b"", kind)


def _spread(first: Integers, many: Integers) -> Integers:
    """The places first, first + 1, ..., `many` from each first on, one after the other."""
    ends = np.cumsum(many)
    return np.arange(ends[-1] if many.size else 0) + np.repeat(first - ends + many, many)
