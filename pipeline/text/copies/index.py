"""What dedup knows of each document: keys sorted by shard on the disk, so that equal ones of all shards meet range by range.

A shard is signed once: its signatures lie in a memory, named by the shard's bytes and by how they were made. A signed shard is a folder of
arrays (documents D, bands B, paragraphs P, marks M):

    content.npy     u64 [D, 2]   128 bits of the text, white space and case apart; 0 where it has no word
    keys.npy        u64 [1 + B, D']  of the D' documents with words: half of the content, then a key a band, each row sorted
    rows.npy        u32 [1 + B, D']  whose they are
    paragraphs.npy  u64 [2, P]   128 bits of each paragraph that is long enough, sorted
    marks.npy       u64 [1, M]   64 bits of each mark of its paragraphs (see marks), sorted

and for these two NAME-places.npy u32 [2, ...], the row of each and the number of its paragraph there.

Memory grows with the corpus by the arrays of one number a document alone (see dedup); a range is one of as many as hold 2^20 keys each.
"""

import hashlib
import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import Shard
from pipeline.core.files import once, read_json, write_json
from pipeline.core.shards import Map
from pipeline.text.copies.marks import marks_of
from pipeline.text.copies.minhash import band_keys, signatures
from pipeline.text.ngrams import Hashes, Integers, Numbers, Texts, Words, in_blocks, paragraph_hashes, texts_of
from pipeline.text.ordered import new_columns

_FORMAT = 3  # of the arrays: another number where their meaning changes
_RANGE = 1 << 20  # keys: up to 100 MB while they are sorted


@dataclass(frozen=True, kw_only=True)
class Signing:
    """How a shard is signed."""

    shingle: int  # words
    bands: int  # 0: none
    rows: int  # hash values a band
    paragraph: int  # words of the shortest paragraph that counts; 0: none counts
    run: int  # words of the shortest run within a paragraph that counts; 0: none counts

    def name(self, digest: str) -> str:
        """The name of what is made so of a shard with this SHA-256."""
        return hashlib.sha256(json.dumps([_FORMAT, digest, asdict(self)]).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Index:
    """The signed shards of a corpus. A document's position counts through the shards from 0, below 2^32."""

    folders: tuple[Path, ...]
    signed: int  # shards that were not known before

    @cached_property
    def facts(self) -> list[dict[str, int]]:
        """documents, keys, paragraphs and marks of each shard."""
        return [read_json(folder / "counts.json") for folder in self.folders]

    @cached_property
    def starts(self) -> Integers:
        """The position of each shard's first document, [shards + 1]."""
        return np.cumsum([0, *(facts["documents"] for facts in self.facts)])

    @property
    def documents(self) -> int:
        """Of all shards."""
        return int(self.starts[-1])

    def ranges(self, count: str) -> list[tuple[int, int]]:
        """The ranges of keys, (which, of how many), by the number of keys, paragraphs or marks."""
        return ranges_of(sum(facts[count] for facts in self.facts))

    def shard(self, number: int, name: str) -> npt.NDArray[Any]:
        """One array of one shard."""
        return load(self.folders[number] / f"{name}.npy")

    def whole(self, name: str) -> npt.NDArray[Any]:
        """One array with a number a document, of all shards."""
        return np.concatenate([self.shard(number, name) for number in range(len(self.folders))])

    def keys(self, part: tuple[int, int], bands: range) -> Iterator[tuple[Hashes, Integers]]:
        """Band by band the keys that lie in a range, and the positions of their documents."""
        shards = [(self.shard(number, "keys"), self.shard(number, "rows"), start) for number, start in enumerate(self.starts[:-1])]
        for band in bands:
            here = [span_of(keys[band], part) for keys, _, _ in shards]
            found = [keys[band, own] for own, (keys, _, _) in zip(here, shards, strict=True)]
            positions = [rows[band, own] + start for own, (_, rows, start) in zip(here, shards, strict=True)]
            yield np.concatenate(found), np.concatenate(positions)
            for keys, rows, _ in shards:
                _release(keys)
                _release(rows)

    def within(self, name: str, part: tuple[int, int]) -> tuple[Hashes, Integers, Integers]:
        """The paragraphs or marks in a range: hashes [.., n], positions of their documents, numbers of the paragraphs in them."""
        hashes, positions, numbers = [], [], []
        for number in range(len(self.folders)):
            own, places = self.shard(number, name), self.shard(number, f"{name}-places")
            here = span_of(own[0], part)
            hashes.append(own[:, here])
            positions.append(places[0, here] + self.starts[number])
            numbers.append(places[1, here].astype(np.int64))
        return np.concatenate(hashes, axis=1), np.concatenate(positions), np.concatenate(numbers)


def ranges_of(count: int) -> list[tuple[int, int]]:
    """Ranges of evenly spread keys, (which, of how many), so many that one can be sorted in memory."""
    parts = max(1, -(-count // _RANGE))
    return [(part, parts) for part in range(parts)]


def sign_corpus(source: Corpus, signing: Signing, *, memory: Path, run_map: Map) -> Index:
    """The index of a corpus, in the memory; a shard that is known there isn't read."""
    digests = [source.manifest.files[shard.path("documents").relative_to(source.path).as_posix()]["sha256"] for shard in source.shards]
    distinct = {digest: shard for shard, digest in zip(reversed(source.shards), reversed(digests), strict=True)}  # empty shards are equal
    fresh = run_map(partial(_sign, signing, memory), list(distinct.items()))
    return Index(tuple(memory / signing.name(digest) for digest in digests), sum(fresh))


def held(index: Index, positions: Integers) -> Iterator[tuple[int, Integers]]:
    """Each shard that holds some of the sorted positions, and the rows there."""
    edges = np.searchsorted(positions, index.starts)
    for number in np.flatnonzero(np.diff(edges)):
        yield int(number), positions[edges[number] : edges[number + 1]] - index.starts[number]


def groups(keys: Sequence[Hashes], order: npt.NDArray[Any]) -> tuple[Integers, Integers]:
    """Indices of what shares all keys with another, group by group, each in the order given; for each the place of its group's first."""
    indices = np.argsort(keys[0])
    ranked = keys[0][indices]
    equal = ranked[1:] == ranked[:-1]
    indices = indices[np.concatenate([equal, [False]]) | np.concatenate([[False], equal])] if indices.size else indices
    indices = indices[np.lexsort((order[indices], *(key[indices] for key in reversed(keys))))]
    new = new_columns(np.stack([key[indices] for key in keys]))
    return indices, np.flatnonzero(new)[np.cumsum(new) - 1]


def load(path: Path) -> npt.NDArray[Any]:
    """An array on the disk, of which only what is used is read."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)


def save(path: Path, array: npt.NDArray[Any]) -> None:
    """An array to the disk."""
    np.save(path, array, allow_pickle=False)


def give(path: Path, array: npt.NDArray[Any]) -> None:
    """An array for the workers. Each run writes it anew, so it need not outlive a loss of power, as what takes long to work out must."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    save(draft, array)
    draft.replace(path)


def first_saved(folder: Path, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array that the folder holds; where there is none, this one, from now on."""
    return load(once(folder, lambda draft: save(draft / "array.npy", array)) / "array.npy")


def _sign(signing: Signing, memory: Path, item: tuple[str, Shard]) -> bool:
    """Sign a shard unless the memory knows it; whether it was signed anew."""
    digest, shard = item
    known = memory / signing.name(digest)
    fresh = not known.exists()
    once(known, lambda draft: _write(draft, signing, texts_of(shard.kept("documents", ["text"])["text"])))
    return fresh


def _write(folder: Path, signing: Signing, texts: Texts) -> None:
    signed = [_signed(words, signing) for words in in_blocks(texts, np.arange(texts.starts.size - 1))]
    before = np.cumsum([0, *(block.content.shape[1] for block in signed)])[:-1].astype(np.uint32)  # texts of the blocks before
    content, keys = (np.concatenate([getattr(block, name) for block in signed], axis=1) for name in ("content", "keys"))
    worded = np.flatnonzero(content.any(axis=0))
    order = np.argsort(keys[:, worded], axis=1)
    arrays: dict[str, npt.NDArray[Any]] = {
        "content": content.T,
        "keys": np.take_along_axis(keys[:, worded], order, axis=1),
        "rows": worded[order].astype(np.uint32),
    }
    for name, found in (("paragraphs", [block.paragraphs for block in signed]), ("marks", [block.marks for block in signed])):
        hashes = np.concatenate([own for own, _ in found], axis=1)
        places = np.concatenate([np.stack([place[0] + start, place[1]]) for (_, place), start in zip(found, before, strict=True)], axis=1)
        ranked = np.argsort(hashes[0])
        arrays |= {name: hashes[:, ranked], f"{name}-places": places[:, ranked]}
    for name, array in arrays.items():
        save(folder / f"{name}.npy", np.ascontiguousarray(array))
    counts = {name: arrays[name].shape[1] for name in ("paragraphs", "marks")}
    write_json(folder / "counts.json", {"documents": texts.starts.size - 1, "keys": worded.size, **counts})


@dataclass(frozen=True)
class _Signed:
    """A block of texts; places are [2, ...]: the text, and the number of its paragraph."""

    content: Hashes  # [2, texts]
    keys: Hashes  # [bands, texts]
    paragraphs: tuple[Hashes, Numbers]  # [2, paragraphs], places
    marks: tuple[Hashes, Numbers]  # [1, marks], places


def _signed(words: Words, signing: Signing) -> _Signed:
    keys = words.content.T[:1]
    if signing.bands:
        least = signatures(words, shingle=signing.shingle, size=signing.bands * signing.rows)
        keys = np.concatenate([keys, band_keys(least, bands=signing.bands, rows=signing.rows)])
    marks, places = marks_of(words, signing.run)
    return _Signed(words.content.T, keys, paragraph_hashes(words, signing.paragraph), (marks[None], places))


def _release(array: npt.NDArray[Any]) -> None:
    """Give back the memory of what was read of an array on the disk; it can be read again."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def span_of(ranked: Hashes, part: tuple[int, int]) -> slice:
    """Where the keys of a range lie among sorted ones."""
    which, parts = part
    edges = [(1 << 64) * edge // parts for edge in (which, which + 1)]
    first, end = (int(np.searchsorted(ranked, np.uint64(edge))) if edge < 1 << 64 else ranked.size for edge in edges)
    return slice(first, end)
