"""Cut long spans of words within paragraphs that occur more than once in the corpus; the first occurrence stays.

A span counts from `min_words` on, wherever it begins (Lee et al. 2022, Deduplicating Training Data Makes Language Models Better).
Only paragraphs that share a fingerprint can share one: of these, every window of `min_words` is hashed, and equal windows of all shards are
compared by key range. Of what earlier windows cover, whole sentences are cut, so that the rest stays readable.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from pipeline.core.artifact.tables import Shard
from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.dedup.cuts import END, cuts_in_range, save_cuts
from pipeline.text.dedup.index import Index, duplicate_groups, key_ranges, load_array, range_slice, save_array
from pipeline.text.dedup.winnowing import window_hashes
from pipeline.text.ngrams import Hashes, Int64Array, texts_of, word_offsets, words_of_rows
from pipeline.text.sorted_arrays import column_changes, sorted_index

_ENDS = np.frombuffer(b".!?", np.uint8)  # of a sentence
_CLOSING = np.frombuffer(b"\"')]", np.uint8)  # may follow the end of a sentence


@dataclass(frozen=True, kw_only=True)
class SubstringRule:
    """Which spans are compared."""

    min_words: PositiveInt


def cut_repeated_spans(
    index: Index, shards: Sequence[Shard], rule: SubstringRule, cuts: Sequence[Path], *, folder: Path, run_map: Map
) -> list[Path]:
    """Files of cuts, in addition to those of whole paragraphs. The folder holds the arrays `numbers` and `kept` by position."""
    shared = run_map(partial(_shared, index, folder), index.ranges("fingerprints"))
    windows = run_map(partial(_windows, index, rule, (tuple(cuts), tuple(shared)), folder), shards)
    ranges = key_ranges(sum(load_array(path / "several.npy").size for path in windows))
    repeated = run_map(partial(_repeated, tuple(windows), folder), ranges)
    work = partial(_sentences_in, rule, tuple(zip(ranges, repeated, strict=True)), folder)
    return [path / "cuts.npy" for path in run_map(work, list(zip(index.starts.tolist(), windows, shards, strict=False)))]


def _shared(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    """Paragraphs with a fingerprint that occurs more than once: position and number, [2, paragraphs], ascending, unique."""

    def write(draft: Path) -> None:
        hashes, positions, places = index.entries("fingerprints", part)
        kept = load_array(folder / "kept.npy")[positions]
        hashes, positions, places = hashes[:, kept], positions[kept], places[kept]
        indices, _ = duplicate_groups(list(hashes), positions)
        save_array(draft / "paragraphs.npy", _distinct(np.stack([positions[indices], places[indices]])))

    return once(folder / f"shared-{part[0]:05d}", write)


def _windows(index: Index, rule: SubstringRule, found: tuple[Sequence[Path], Sequence[Path]], folder: Path, shard: Shard) -> Path:
    """The windows of a shard's shared paragraphs that are left, by hash, then by rank; the first of each hash also separately.

    hashes [2, n], places [3, n]: position, paragraph number, first word; for the first ones, whether the shard has several.
    """
    cuts, shared = found

    def write(draft: Path) -> None:
        start, end = int(index.starts[shard.number]), int(index.starts[shard.number + 1])
        gone = {(row, cut.paragraph) for row, own in cuts_in_range(cuts, start, end).items() for cut in own if cut.end == END}
        wanted = _distinct(_between([path / "paragraphs.npy" for path in shared], start, end))
        stays = np.array([(position - start, number) not in gone for position, number in wanted.T.tolist()], np.bool_)
        wanted = wanted[:, stays]
        rows, turns = np.unique(wanted[0], return_inverse=True)
        words = words_of_rows(texts_of(shard.kept("documents", ["text"])["text"]), rows - start)
        hashes, places = window_hashes(words, rule.min_words, np.stack([turns, wanted[1]]))
        numbers = load_array(folder / "numbers.npy")[rows][places[0]]
        ranked = np.lexsort((places[2], places[1], numbers, hashes[1], hashes[0]))
        hashes, places = hashes[:, ranked], np.stack([rows[places[0]], *places[1:]]).astype(np.uint32)[:, ranked]
        first, sizes = _runs_of_equal(hashes)
        arrays: dict[str, npt.NDArray[Any]] = {
            "hashes": hashes,
            "places": places,
            "first-hashes": hashes[:, first],
            "first-places": places[:, first],
        }
        arrays |= {"first-numbers": numbers[ranked][first], "several": sizes > 1}
        for name, array in arrays.items():
            save_array(draft / f"{name}.npy", array)

    return once(folder / f"windows-{shard.number:05d}", write)


def _repeated(windows: Sequence[Path], folder: Path, part: tuple[int, int]) -> Path:
    """The windows that occur more than once, by hash [2, n], and the first place of each [3, n]."""

    def write(draft: Path) -> None:
        own = {path: range_slice(load_array(path / "first-hashes.npy")[0], part) for path in windows}
        names = ("first-hashes", "first-places", "first-numbers", "several")
        hashes, places, numbers, several = (
            np.concatenate([load_array(path / f"{name}.npy")[..., here] for path, here in own.items()], axis=-1) for name in names
        )
        ranked = np.lexsort((places[2], places[1], numbers, hashes[1], hashes[0]))
        first, sizes = _runs_of_equal(hashes[:, ranked])
        first = ranked[first[(sizes > 1) | several[ranked[first]]]]
        save_array(draft / "hashes.npy", hashes[:, first])
        save_array(draft / "places.npy", places[:, first])

    return once(folder / f"repeated-{part[0]:05d}", write)


def _sentences_in(
    rule: SubstringRule, repeated: Sequence[tuple[tuple[int, int], Path]], folder: Path, item: tuple[int, Path, Shard]
) -> Path:
    """The cuts of a shard: sentences whose every word lies in a window that occurs earlier."""
    start, windows, shard = item

    def write(draft: Path) -> None:
        found = _later(windows, repeated)
        texts = shard.kept("documents", ["text"])["text"]
        rows = [np.empty((5, 0), np.int64)]
        for first, stop in pairwise(_edges(found[:1])):
            position = int(found[0, first])
            paragraphs = texts[position - start].as_py().split("\n\n")
            for here, end in pairwise(first + place for place in _edges(found[:2, first:stop])):
                number = int(found[1, here])
                cuts = repeated_sentences(paragraphs[number].encode(), found[2, here:end], found[3, here:end], rule.min_words)
                rows.append(np.array([(position, number, *cut) for cut in cuts], np.int64).reshape(-1, 5).T)
        positions, numbers, begins, ends, of = np.concatenate(rows, axis=1)
        save_cuts(draft / "cuts.npy", positions, numbers, np.stack([begins, ends]), of)

    return once(folder / f"sentences-{shard.number:05d}", write)


def _later(windows: Path, repeated: Sequence[tuple[tuple[int, int], Path]]) -> Int64Array:
    """A shard's windows that occur earlier: position, paragraph number, first word, earlier position, [4, windows], sorted by these."""
    hashes, places = load_array(windows / "hashes.npy"), load_array(windows / "places.npy")
    found = [np.empty((4, 0), np.int64)]
    for part, path in repeated:
        here, known, firsts = range_slice(hashes[0], part), load_array(path / "hashes.npy"), load_array(path / "places.npy")
        at = sorted_index(known[0], hashes[0, here])
        own = np.flatnonzero(at >= 0)
        at, own = at[own], own + here.start
        later = (known[1, at] == hashes[1, own]) & np.any(firsts[:, at] != places[:, own], axis=0)
        found.append(np.concatenate([places[:, own[later]], firsts[:1, at[later]]]).astype(np.int64))
    both = np.concatenate(found, axis=1)
    return both[:, np.lexsort(both[2::-1])]


def repeated_sentences(paragraph: bytes, firsts: Int64Array, sources: Int64Array, words: int) -> Iterator[tuple[int, int, int]]:
    """Start and end in bytes of the sentences that repeated windows cover, adjacent ones merged, and the source of the first window.

    A window of `words` words begins at each of the `firsts`, which ascend.
    """
    _, places = word_offsets(paragraph)
    change = np.zeros(places.size + 1, np.int64)
    np.add.at(change, firsts, 1)
    np.add.at(change, firsts + words, -1)
    covered = np.cumsum(change[:-1]) > 0
    begins, ends = sentences(paragraph)
    owner = np.searchsorted(begins, places, side="right") - 1
    whole = np.bincount(owner, ~covered, begins.size) == 0
    whole &= np.bincount(owner, minlength=begins.size) > 0  # a sentence without words stays
    for first in np.flatnonzero(whole & ~np.concatenate([[False], whole[:-1]])):
        last = first + int(np.argmin(np.append(whole[first:], False))) - 1
        window = np.searchsorted(firsts, np.searchsorted(places, begins[first]), side="right") - 1
        yield int(begins[first]), int(ends[last]), int(sources[window])


def sentences(paragraph: bytes) -> tuple[Int64Array, Int64Array]:
    """Where the sentences of a paragraph begin and end, in bytes."""
    data = np.frombuffer(paragraph, np.uint8)
    gap = data == 0x20
    starts = np.flatnonzero(~gap & np.concatenate([[True], gap[:-1]]))
    ends = np.flatnonzero(~gap & np.concatenate([gap[1:], [True]])) + 1  # of as many tokens
    last = ends - 1
    for _ in range(2):  # a quotation mark and a bracket
        last = np.maximum(last - np.isin(data[last], _CLOSING), 0)
    final = np.isin(data[last], _ENDS)
    final[-1:] = True
    return starts[np.concatenate([[True], final[:-1]])[: starts.size]], ends[final]


def _between(paths: Sequence[Path], start: int, end: int) -> Int64Array:
    """The columns of all files, sorted by their first row, in which it lies in [start, end)."""
    found = []
    for path in paths:
        rows = load_array(path)
        first, stop = np.searchsorted(rows[0], (start, end))
        found.append(rows[:, first:stop])
    return np.concatenate(found, axis=1).astype(np.int64)


def _edges(columns: Int64Array) -> list[int]:
    """Where a column differs from the one before it, and the end."""
    return [*np.flatnonzero(column_changes(columns)).tolist(), columns.shape[1]]


def _runs_of_equal(hashes: Hashes) -> tuple[Int64Array, Int64Array]:
    """The first of each run of equal columns, and the length of the run."""
    first = np.flatnonzero(column_changes(hashes))
    return first, np.diff(first, append=hashes.shape[1])


def _distinct(columns: Int64Array) -> Int64Array:
    """The columns of [2, n], ascending, unique."""
    columns = columns[:, np.lexsort(columns[::-1])]
    return columns[:, column_changes(columns)]
