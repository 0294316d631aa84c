"""Long runs of words that stand in the corpus more than once, inside of paragraphs: all but the first are cut out.

A run is as long as it can be within a paragraph of each place (Lee et al. 2022, Deduplicating Training Data Makes Language Models Better);
it is found by a suffix array and, for each place, the longest match that begins earlier (Crochemore & Ilie 2008). Of a run the whole
sentences are cut, so that what is left can be read. Documents are compared within chunks, in the order of their numbers.

A chunk takes 17 bytes a byte, and a read of the shards in which its documents lie.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.tables import Shard
from pipeline.core.errors import PipelineError
from pipeline.core.files import once
from pipeline.text.copies import columns
from pipeline.text.copies.clusters import inverse, load_saved
from pipeline.text.copies.cuts import cut_paragraphs, cuts_between, save_cuts
from pipeline.text.copies.index import Index, Map, held
from pipeline.text.ngrams import Integers

_ENDS = np.frombuffer(b".!?", np.uint8)  # of a sentence
_CLOSING = np.frombuffer(b"\"')]", np.uint8)  # may follow the end of a sentence


@dataclass(frozen=True, kw_only=True)
class Substrings:
    """Which runs are compared."""

    words: int  # of the shortest one
    megabytes: int  # of a chunk


@dataclass(frozen=True)
class Chunk:
    """Paragraphs back to back, each with a zero byte after it, in the order of the documents' numbers."""

    data: npt.NDArray[np.uint8]
    starts: Integers  # [paragraphs], bytes
    positions: Integers  # [paragraphs], of their documents
    numbers: Integers  # [paragraphs], in their documents


def repeated_runs(
    index: Index, shards: Sequence[Shard], rule: Substrings, cuts: Sequence[Path], *, folder: Path, run_map: Map
) -> list[Path]:
    """Files of cuts, beside those that are made already. The folder has the arrays `numbers` and `kept` by position."""
    work = partial(_repeated, index, tuple(shards), rule, tuple(cuts), folder)
    return [path / "cuts.npy" for path in run_map(work, list(enumerate(_chunks(index, rule, folder))))]


def _chunks(index: Index, rule: Substrings, folder: Path) -> list[Integers]:
    """The positions of the documents of each chunk, in the order of their numbers."""
    order = inverse(load_saved(folder / "numbers"))
    order = order[load_saved(folder / "kept")[order]].astype(np.int64)
    begins = np.cumsum(index.whole("sizes")[order], dtype=np.int64)
    edges = np.flatnonzero(np.diff(begins // (rule.megabytes << 20))) + 1
    return np.split(order, edges)


def _repeated(
    index: Index, shards: Sequence[Shard], rule: Substrings, cuts: Sequence[Path], folder: Path, item: tuple[int, Integers]
) -> Path:
    number, positions = item

    def write(draft: Path) -> None:
        chunk = _read(index, shards, rule, cuts, positions)
        first, end, of = repeated_words(chunk.data, rule.words)
        places, sources = (np.searchsorted(chunk.starts, at, side="right") - 1 for at in (first, of))
        spans = np.stack([first, end]) - chunk.starts[places]
        save_cuts(draft / "cuts.npy", chunk.positions[places], chunk.numbers[places], spans, chunk.positions[sources])

    return once(folder / f"runs-{number:05d}", write)


def _read(index: Index, shards: Sequence[Shard], rule: Substrings, cuts: Sequence[Path], positions: Integers) -> Chunk:
    """The paragraphs that are long enough, without what is cut already."""
    texts = {position: paragraphs for one in held(index, np.sort(positions)) for position, paragraphs in _left(index, shards, cuts, *one)}
    found = [
        (position, number, paragraph)
        for position in positions.tolist()
        for number, paragraph in texts[position]
        if paragraph.count(b" ") >= rule.words - 1
    ]
    sizes = [len(paragraph) + 1 for _, _, paragraph in found]
    data = np.frombuffer(bytearray(b"".join(paragraph + b"\0" for _, _, paragraph in found)), np.uint8)
    places = np.array([(position, number) for position, number, _ in found], np.int64).reshape(-1, 2)
    return Chunk(data, np.cumsum([0, *sizes])[:-1], places[:, 0], places[:, 1])


def _left(
    index: Index, shards: Sequence[Shard], cuts: Sequence[Path], number: int, rows: Integers
) -> Iterator[tuple[int, list[tuple[int, bytes]]]]:
    """Position and paragraphs of documents of a shard."""
    start = int(index.starts[number])
    texts = shards[number].table("documents", ["text"])["text"].take(columns.numbers(rows)).to_pylist()
    known = cuts_between(cuts, start, int(index.starts[number + 1]))
    for row, text in zip(rows.tolist(), texts, strict=True):
        paragraphs, _ = cut_paragraphs(text.replace("\0", " "), known.get(row, ()))
        yield start + row, [(place, paragraph.encode()) for place, paragraph in paragraphs]


def repeated_words(data: npt.NDArray[np.uint8], words: int) -> tuple[Integers, Integers, Integers]:
    """Start and end of what is to be cut, and where it stands earlier, in bytes; `data` are paragraphs with a zero byte after each."""
    gap = (data == 0x20) | (data == 0)
    starts = np.flatnonzero(~gap & np.concatenate([[True], gap[:-1]]))
    ends = np.flatnonzero(gap & np.concatenate([[False], ~gap[:-1]]))  # of as many words
    if starts.size < words:
        return (np.empty(0, np.int64),) * 3
    length, source = np.zeros(starts.size, np.int32), np.zeros(starts.size, np.int32)
    _longest(data, _suffix_array(data), starts, length, source)
    long = np.flatnonzero(starts[: starts.size - words + 1] + length[: starts.size - words + 1] >= ends[words - 1 :])
    change = np.zeros(starts.size + 1, np.int64)
    np.add.at(change, long, 1)
    np.add.at(change, long + words, -1)
    covered, opens = np.cumsum(change[:-1]) > 0, data[starts - 1] == 0  # a run ends with its paragraph
    first = np.flatnonzero(covered & (opens | ~np.concatenate([[False], covered[:-1]])))
    last = np.flatnonzero(covered & np.concatenate([opens[1:] | ~covered[1:], [True]]))
    new, final = _sentences(data, starts, ends)
    opening = np.append(np.flatnonzero(new), starts.size)
    closing = np.concatenate([[-1], np.flatnonzero(final)])
    from_word = opening[np.searchsorted(opening, first)]
    to_word = closing[np.searchsorted(closing, last, side="right") - 1]
    whole = to_word >= from_word
    first, from_word, to_word = first[whole], from_word[whole], to_word[whole]
    return starts[from_word], ends[to_word], source[first].astype(np.int64) + starts[from_word] - starts[first]


def _sentences(data: npt.NDArray[np.uint8], starts: Integers, ends: Integers) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which words begin a sentence, and which end one."""
    last = ends - 1
    for _ in range(2):  # a quotation mark and a bracket
        last = np.maximum(last - np.isin(data[last], _CLOSING), 0)
    final = np.isin(data[last], _ENDS) | (data[ends] == 0)
    return np.concatenate([[True], final[:-1]]), final


def _suffix_array(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    try:
        from pydivsufsort import divsufsort  # type: ignore[import-untyped]
    except ImportError as fault:
        raise PipelineError(
            "dedup.substring needs the package pydivsufsort", mend="pip install pydivsufsort, or dedup.substring=null"
        ) from fault
    suffixes: npt.NDArray[np.int32] = divsufsort(data)
    return suffixes


@numba.njit(cache=True, nogil=True)
def _longest(data, suffixes, starts, length, source):  # type: ignore[no-untyped-def]
    """For each start the longest match, within its paragraph, that begins earlier; and where."""
    below, above = np.full(data.size, -1, np.int32), np.full(data.size, -1, np.int32)  # the nearest suffixes that begin earlier
    stack, top = np.empty(data.size, np.int32), 0
    for place in suffixes:
        while top and stack[top - 1] > place:
            top -= 1
            above[stack[top]] = place
        if top:
            below[place] = stack[top - 1]
        stack[top] = place
        top += 1
    left, right, word = 0, 0, 0  # a match is at most one byte shorter at the next place
    for place in range(data.size):
        one, two = below[place], above[place]
        left = max(left - 1, 0) if one >= 0 else 0
        right = max(right - 1, 0) if two >= 0 else 0
        while one >= 0 and data[place + left] != 0 and data[place + left] == data[one + left]:
            left += 1
        while two >= 0 and data[place + right] != 0 and data[place + right] == data[two + right]:
            right += 1
        if word < starts.size and starts[word] == place:
            length[word] = max(left, right)
            source[word] = one if left >= right else two
            word += 1
