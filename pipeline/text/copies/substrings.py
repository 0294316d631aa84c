"""Long runs of words that stand in the corpus more than once, inside of paragraphs: all but the first are cut out.

A run counts from so many words on, wherever it stands (Lee et al. 2022, Deduplicating Training Data Makes Language Models Better).
Only paragraphs that share a mark can share one: of these, every window of so many words is hashed, and equal windows of all shards meet
range by range. Of what is covered by windows that stand in the corpus earlier, whole sentences are cut, so that what is left can be read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.tables import Shard
from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.copies.cuts import END, cuts_between, save_cuts
from pipeline.text.copies.index import Index, groups, load, ranges_of, save, span_of
from pipeline.text.copies.marks import windows_of
from pipeline.text.ngrams import Hashes, Integers, texts_of, word_places, words_of_rows
from pipeline.text.ordered import new_columns, places_in

_ENDS = np.frombuffer(b".!?", np.uint8)  # of a sentence
_CLOSING = np.frombuffer(b"\"')]", np.uint8)  # may follow the end of a sentence


@dataclass(frozen=True, kw_only=True)
class Substrings:
    """Which runs are compared."""

    words: int  # of the shortest one


def repeated_runs(
    index: Index, shards: Sequence[Shard], rule: Substrings, cuts: Sequence[Path], *, folder: Path, run_map: Map
) -> list[Path]:
    """Files of cuts, beside those of whole paragraphs that are made already. The folder has the arrays `numbers` and `kept` by position."""
    shared = run_map(partial(_shared, index, folder), index.ranges("marks"))
    windows = run_map(partial(_windows, index, rule, (tuple(cuts), tuple(shared)), folder), shards)
    ranges = ranges_of(sum(load(path / "several.npy").size for path in windows))
    repeated = run_map(partial(_repeated, tuple(windows), folder), ranges)
    work = partial(_sentences_in, rule, tuple(zip(ranges, repeated, strict=True)), folder)
    return [path / "cuts.npy" for path in run_map(work, list(zip(index.starts.tolist(), windows, shards, strict=False)))]


def _shared(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    """Paragraphs with a mark that stands there or elsewhere again: position and number, [2, paragraphs], ascending, each once."""

    def write(draft: Path) -> None:
        hashes, positions, places = index.within("marks", part)
        kept = load(folder / "kept.npy")[positions]
        hashes, positions, places = hashes[:, kept], positions[kept], places[kept]
        indices, _ = groups(list(hashes), positions)
        save(draft / "paragraphs.npy", _distinct(np.stack([positions[indices], places[indices]])))

    return once(folder / f"shared-{part[0]:05d}", write)


def _windows(index: Index, rule: Substrings, found: tuple[Sequence[Path], Sequence[Path]], folder: Path, shard: Shard) -> Path:
    """The windows of a shard's shared paragraphs that stay, by hash and then in the order of precedence; the first of each hash apart.

    hashes [2, n], places [3, n]: position, number of the paragraph, first word; and of the first ones whether the shard has several.
    """
    cuts, shared = found

    def write(draft: Path) -> None:
        start, end = int(index.starts[shard.number]), int(index.starts[shard.number + 1])
        gone = {(row, cut.paragraph) for row, own in cuts_between(cuts, start, end).items() for cut in own if cut.end == END}
        wanted = _distinct(_between([path / "paragraphs.npy" for path in shared], start, end))
        stays = np.array([(position - start, number) not in gone for position, number in wanted.T.tolist()], np.bool_)
        wanted = wanted[:, stays]
        rows, turns = np.unique(wanted[0], return_inverse=True)
        words = words_of_rows(texts_of(shard.kept("documents", ["text"])["text"]), rows - start)
        hashes, places = windows_of(words, rule.words, np.stack([turns, wanted[1]]))
        numbers = load(folder / "numbers.npy")[rows][places[0]]
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
            save(draft / f"{name}.npy", array)

    return once(folder / f"windows-{shard.number:05d}", write)


def _repeated(windows: Sequence[Path], folder: Path, part: tuple[int, int]) -> Path:
    """The windows that stand more than once, by hash [2, n], and where each stands first [3, n]."""

    def write(draft: Path) -> None:
        own = {path: span_of(load(path / "first-hashes.npy")[0], part) for path in windows}
        names = ("first-hashes", "first-places", "first-numbers", "several")
        hashes, places, numbers, several = (
            np.concatenate([load(path / f"{name}.npy")[..., here] for path, here in own.items()], axis=-1) for name in names
        )
        ranked = np.lexsort((places[2], places[1], numbers, hashes[1], hashes[0]))
        first, sizes = _runs_of_equal(hashes[:, ranked])
        first = ranked[first[(sizes > 1) | several[ranked[first]]]]
        save(draft / "hashes.npy", hashes[:, first])
        save(draft / "places.npy", places[:, first])

    return once(folder / f"repeated-{part[0]:05d}", write)


def _sentences_in(rule: Substrings, repeated: Sequence[tuple[tuple[int, int], Path]], folder: Path, item: tuple[int, Path, Shard]) -> Path:
    """The cuts of a shard: sentences of which every word lies in a window that stands earlier."""
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
                cuts = repeated_sentences(paragraphs[number].encode(), found[2, here:end], found[3, here:end], rule.words)
                rows.append(np.array([(position, number, *cut) for cut in cuts], np.int64).reshape(-1, 5).T)
        positions, numbers, begins, ends, of = np.concatenate(rows, axis=1)
        save_cuts(draft / "cuts.npy", positions, numbers, np.stack([begins, ends]), of)

    return once(folder / f"sentences-{shard.number:05d}", write)


def _later(windows: Path, repeated: Sequence[tuple[tuple[int, int], Path]]) -> Integers:
    """A shard's windows that stand earlier: position, number, first word, and the earlier position [4, windows], in this order."""
    hashes, places = load(windows / "hashes.npy"), load(windows / "places.npy")
    found = [np.empty((4, 0), np.int64)]
    for part, path in repeated:
        here, known, firsts = span_of(hashes[0], part), load(path / "hashes.npy"), load(path / "places.npy")
        at = places_in(known[0], hashes[0, here])
        own = np.flatnonzero(at >= 0)
        at, own = at[own], own + here.start
        later = (known[1, at] == hashes[1, own]) & np.any(firsts[:, at] != places[:, own], axis=0)
        found.append(np.concatenate([places[:, own[later]], firsts[:1, at[later]]]).astype(np.int64))
    both = np.concatenate(found, axis=1)
    return both[:, np.lexsort(both[2::-1])]


def repeated_sentences(paragraph: bytes, firsts: Integers, sources: Integers, words: int) -> Iterator[tuple[int, int, int]]:
    """Start and end in bytes of the sentences that repeated windows cover whole, neighbours as one, and the source of the first window.

    A window of so many words begins at each of the `firsts`, which ascend.
    """
    _, places = word_places(paragraph)
    change = np.zeros(places.size + 1, np.int64)
    np.add.at(change, firsts, 1)
    np.add.at(change, firsts + words, -1)
    covered = np.cumsum(change[:-1]) > 0
    begins, ends = sentences(paragraph)
    owner = np.searchsorted(begins, places, side="right") - 1
    whole = np.bincount(owner, ~covered, begins.size) == 0
    whole &= np.bincount(owner, minlength=begins.size) > 0  # one without words stays
    for first in np.flatnonzero(whole & ~np.concatenate([[False], whole[:-1]])):
        last = first + int(np.argmin(np.append(whole[first:], False))) - 1
        window = np.searchsorted(firsts, np.searchsorted(places, begins[first]), side="right") - 1
        yield int(begins[first]), int(ends[last]), int(sources[window])


def sentences(paragraph: bytes) -> tuple[Integers, Integers]:
    """Where the sentences of a paragraph begin and end, in bytes."""
    data = np.frombuffer(paragraph, np.uint8)
    gap = data == 0x20
    starts = np.flatnonzero(~gap & np.concatenate([[True], gap[:-1]]))
    ends = np.flatnonzero(~gap & np.concatenate([gap[1:], [True]])) + 1  # of as many pieces
    last = ends - 1
    for _ in range(2):  # a quotation mark and a bracket
        last = np.maximum(last - np.isin(data[last], _CLOSING), 0)
    final = np.isin(data[last], _ENDS)
    final[-1:] = True
    return starts[np.concatenate([[True], final[:-1]])[: starts.size]], ends[final]


def _between(paths: Sequence[Path], start: int, end: int) -> Integers:
    """The columns of all files whose first row, by which they are sorted, is start or more and less than end."""
    found = []
    for path in paths:
        rows = load(path)
        first, stop = np.searchsorted(rows[0], (start, end))
        found.append(rows[:, first:stop])
    return np.concatenate(found, axis=1).astype(np.int64)


def _edges(columns: Integers) -> list[int]:
    """Where a column differs from the one before it, and the end."""
    return [*np.flatnonzero(new_columns(columns)).tolist(), columns.shape[1]]


def _runs_of_equal(hashes: Hashes) -> tuple[Integers, Integers]:
    """The first of each run of equal columns, and how many there are."""
    first = np.flatnonzero(new_columns(hashes))
    return first, np.diff(first, append=hashes.shape[1])


def _distinct(columns: Integers) -> Integers:
    """The columns of [2, n], ascending, each once."""
    columns = columns[:, np.lexsort(columns[::-1])]
    return columns[:, new_columns(columns)]
