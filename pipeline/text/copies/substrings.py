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

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.tables import Shard
from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.copies.cuts import END, cuts_between, save_cuts
from pipeline.text.copies.index import Index, groups, load, ranges_of, save, span_of
from pipeline.text.copies.marks import windows_of
from pipeline.text.ngrams import Integers, texts_of, word_places, words_of_rows

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
    ranges = ranges_of(sum(load(path / "places.npy").shape[1] for path in windows))
    repeated = run_map(partial(_repeated, index, tuple(windows), folder), ranges)
    return [path / "cuts.npy" for path in run_map(partial(_sentences_in, index, rule, tuple(repeated), folder), shards)]


def _shared(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    """Paragraphs with a mark that stands somewhere else too: position and number, [2, paragraphs], ascending, each once."""

    def write(draft: Path) -> None:
        hashes, positions, places = index.within("marks", part)
        kept = load(folder / "kept.npy")[positions]
        hashes, positions, places = hashes[:, kept], positions[kept], places[kept]
        indices, _ = groups(list(hashes), positions)
        save(draft / "paragraphs.npy", _distinct(np.stack([positions[indices], places[indices]])))

    return once(folder / f"shared-{part[0]:05d}", write)


def _windows(index: Index, rule: Substrings, found: tuple[Sequence[Path], Sequence[Path]], folder: Path, shard: Shard) -> Path:
    """Every window of a shard's shared paragraphs that stay: hashes [2, n], sorted; position, number, first word [3, n]."""
    cuts, shared = found

    def write(draft: Path) -> None:
        start, end = int(index.starts[shard.number]), int(index.starts[shard.number + 1])
        gone = {(row, cut.paragraph) for row, own in cuts_between(cuts, start, end).items() for cut in own if cut.end == END}
        wanted = _distinct(_between([path / "paragraphs.npy" for path in shared], start, end))
        stays = np.array([(position - start, number) not in gone for position, number in wanted.T.tolist()], np.bool_)
        wanted = wanted[:, stays]
        rows, turns = np.unique(wanted[0], return_inverse=True)
        words = words_of_rows(texts_of(shard.kept("documents")["text"]), rows - start)
        hashes, places = windows_of(words, rule.words, np.stack([turns, wanted[1]]))
        ranked = np.argsort(hashes[0])
        save(draft / "hashes.npy", hashes[:, ranked])
        save(draft / "places.npy", np.stack([rows[places[0]], *places[1:]]).astype(np.uint32)[:, ranked])

    return once(folder / f"windows-{shard.number:05d}", write)


def _repeated(index: Index, windows: Sequence[Path], folder: Path, part: tuple[int, int]) -> Path:
    """Windows that stand earlier: position, number, first word, and the earlier position [4, windows], ascending by position."""

    def write(draft: Path) -> None:
        hashes, places = _range(windows, part)
        numbers = load(folder / "numbers.npy")[places[0]]
        order = np.empty(numbers.size, np.int64)
        order[np.lexsort((places[2], places[1], numbers))] = np.arange(numbers.size)
        indices, first = groups(list(hashes), order)
        later = first != np.arange(first.size)
        found = np.concatenate([places[:, indices[later]], places[:1, indices[first[later]]]]).astype(np.int64)
        save(draft / "windows.npy", found[:, np.lexsort(found[2::-1])])

    return once(folder / f"repeated-{part[0]:05d}", write)


def _sentences_in(index: Index, rule: Substrings, repeated: Sequence[Path], folder: Path, shard: Shard) -> Path:
    """The cuts of a shard: sentences of which every word lies in a repeated window."""

    def write(draft: Path) -> None:
        start, end = int(index.starts[shard.number]), int(index.starts[shard.number + 1])
        found = _between([path / "windows.npy" for path in repeated], start, end)
        found = found[:, np.lexsort(found[2::-1])]
        edges = np.flatnonzero(np.any(np.diff(found[:2], axis=1, prepend=-1, append=-1), axis=0)).tolist()  # of paragraphs
        texts = shard.kept("documents")["text"]
        rows = [np.empty((5, 0), np.int64)]
        for first, stop in pairwise(edges):
            position, number = found[:2, first].tolist()
            paragraph = texts[position - start].as_py().split("\n\n")[number].encode()
            cuts = repeated_sentences(paragraph, found[2, first:stop], found[3, first:stop], rule.words)
            rows.append(np.array([(position, number, *cut) for cut in cuts], np.int64).reshape(-1, 5).T)
        positions, numbers, begins, ends, of = np.concatenate(rows, axis=1)
        save_cuts(draft / "cuts.npy", positions, numbers, np.stack([begins, ends]), of)

    return once(folder / f"sentences-{shard.number:05d}", write)


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


def _range(windows: Sequence[Path], part: tuple[int, int]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
    hashes, places = [], []
    for path in windows:
        own = load(path / "hashes.npy")
        here = span_of(own[0], part)
        hashes.append(own[:, here])
        places.append(load(path / "places.npy")[:, here])
    return np.concatenate(hashes, axis=1), np.concatenate(places, axis=1)


def _distinct(columns: Integers) -> Integers:
    """The columns of [2, n], ascending, each once."""
    columns = columns[:, np.lexsort(columns[::-1])]
    return columns[:, np.concatenate([[True], np.any(columns[:, 1:] != columns[:, :-1], axis=0)])[: columns.shape[1]]]
