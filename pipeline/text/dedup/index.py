"""The dedup index: hashed keys of each document, sorted per shard on disk, so that equal keys of all shards are found by key range.

Signatures of a shard are cached under a digest of the shard's bytes and the SignatureConfig. A signed shard is a folder of arrays
(documents D, bands B, paragraphs P, fingerprints F):

    content.npy       u64 [D, 2]       128-bit hash of the text, ignoring white space and case; 0 if it has no word
    keys.npy          u64 [1 + B, D']  of the D' documents with words: half of the content hash, then a key per band, each row sorted
    rows.npy          u32 [1 + B, D']  their documents
    paragraphs.npy    u64 [2, P]       128-bit hash of each paragraph that is long enough, sorted
    fingerprints.npy  u64 [1, F]       64-bit fingerprints of its paragraphs (see winnowing), sorted

and for the last two NAME-places.npy u32 [2, ...]: row and paragraph number of each.

Memory grows with the corpus only by arrays of one number a document (see corpus); a key range holds about 2^20 keys.
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
from pipeline.core.owned import replace_file
from pipeline.core.shards import Map
from pipeline.text.dedup.minhash import band_keys, signatures
from pipeline.text.dedup.winnowing import winnow
from pipeline.text.ngrams import Hashes, Int64Array, Texts, Uint32Array, Words, paragraph_hashes, texts_of, word_blocks
from pipeline.text.sorted_arrays import column_changes

_FORMAT = 3  # of the arrays; raised when their meaning changes
_RANGE = 1 << 20  # keys: up to 100 MB while they are sorted


@dataclass(frozen=True, kw_only=True)
class SignatureConfig:
    """How a shard is signed."""

    shingle: int  # words
    bands: int  # 0: none
    rows: int  # hash values a band
    paragraph: int  # minimum words of a paragraph; 0: no paragraphs
    span: int  # minimum words of a span within a paragraph; 0: no spans

    def name(self, digest: str) -> str:
        """Folder name for a shard with this SHA-256."""
        return hashlib.sha256(json.dumps([_FORMAT, digest, asdict(self)]).encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Index:
    """The signed shards of a corpus. Positions of documents count through all shards from 0, below 2^32."""

    folders: tuple[Path, ...]
    signed: int  # shards that were not cached

    @cached_property
    def counts(self) -> list[dict[str, int]]:
        """Documents, keys, paragraphs and fingerprints of each shard."""
        return [read_json(folder / "counts.json") for folder in self.folders]

    @cached_property
    def starts(self) -> Int64Array:
        """The position of each shard's first document, [shards + 1]."""
        return np.cumsum([0, *(counts["documents"] for counts in self.counts)])

    @property
    def documents(self) -> int:
        """In all shards."""
        return int(self.starts[-1])

    def ranges(self, name: str) -> list[tuple[int, int]]:
        """Key ranges (number, of how many) for the keys, paragraphs or fingerprints."""
        return key_ranges(sum(counts[name] for counts in self.counts))

    def shard(self, number: int, name: str) -> npt.NDArray[Any]:
        """One array of one shard."""
        return load_array(self.folders[number] / f"{name}.npy")

    def concatenated(self, name: str) -> npt.NDArray[Any]:
        """One array over the documents of all shards."""
        return np.concatenate([self.shard(number, name) for number in range(len(self.folders))])

    def keys(self, part: tuple[int, int], bands: range) -> Iterator[tuple[Hashes, Int64Array]]:
        """For each band, the keys in a range and the positions of their documents."""
        shards = [(self.shard(number, "keys"), self.shard(number, "rows"), start) for number, start in enumerate(self.starts[:-1])]
        for band in bands:
            here = [range_slice(keys[band], part) for keys, _, _ in shards]
            found = [keys[band, own] for own, (keys, _, _) in zip(here, shards, strict=True)]
            positions = [rows[band, own] + start for own, (_, rows, start) in zip(here, shards, strict=True)]
            yield np.concatenate(found), np.concatenate(positions)
            for keys, rows, _ in shards:
                _release(keys)
                _release(rows)

    def entries(self, name: str, part: tuple[int, int]) -> tuple[Hashes, Int64Array, Int64Array]:
        """The paragraphs or fingerprints in a key range: hashes [.., n], positions of their documents, paragraph numbers."""
        hashes, positions, numbers = [], [], []
        for number in range(len(self.folders)):
            own, places = self.shard(number, name), self.shard(number, f"{name}-places")
            here = range_slice(own[0], part)
            hashes.append(own[:, here])
            positions.append(places[0, here] + self.starts[number])
            numbers.append(places[1, here].astype(np.int64))
        return np.concatenate(hashes, axis=1), np.concatenate(positions), np.concatenate(numbers)


def key_ranges(count: int) -> list[tuple[int, int]]:
    """Key ranges (number, of how many), each small enough to be sorted in memory."""
    parts = max(1, -(-count // _RANGE))
    return [(part, parts) for part in range(parts)]


def build_index(source: Corpus, config: SignatureConfig, *, memory: Path, run_map: Map) -> Index:
    """Build the index of a corpus in the cache folder `memory`; cached shards are not read."""
    digests = digests_of(source)
    by_digest = {digest: shard for shard, digest in zip(reversed(source.shards), reversed(digests), strict=True)}  # empty shards are equal
    fresh = run_map(partial(_sign, config, memory), list(by_digest.items()))
    return Index(tuple(memory / config.name(digest) for digest in digests), sum(fresh))


def digests_of(source: Corpus) -> list[str]:
    """The SHA-256 of the documents of each shard."""
    return [source.manifest.files[shard.path("documents").relative_to(source.path).as_posix()]["sha256"] for shard in source.shards]


def rows_by_shard(index: Index, positions: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Each shard that holds some of the sorted positions, and their rows in it."""
    edges = np.searchsorted(positions, index.starts)
    for number in np.flatnonzero(np.diff(edges)):
        yield int(number), positions[edges[number] : edges[number + 1]] - index.starts[number]


def duplicate_groups(keys: Sequence[Hashes], order: npt.NDArray[Any]) -> tuple[Int64Array, Int64Array]:
    """Indices of entries that share all keys with another, by group, each group in the given order; for each, where its group begins."""
    indices = np.argsort(keys[0])
    ranked = keys[0][indices]
    equal = ranked[1:] == ranked[:-1]
    indices = indices[np.concatenate([equal, [False]]) | np.concatenate([[False], equal])] if indices.size else indices
    indices = indices[np.lexsort((order[indices], *(key[indices] for key in reversed(keys))))]
    new = column_changes(np.stack([key[indices] for key in keys]))
    return indices, np.flatnonzero(new)[np.cumsum(new) - 1]


def load_array(path: Path) -> npt.NDArray[Any]:
    """A memory-mapped array."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array."""
    np.save(path, array, allow_pickle=False)


def replace_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array for the workers atomically. Every run rewrites it, so it is not fsynced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    save_array(draft, array)
    replace_file(draft, path)


def load_or_save(folder: Path, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in the folder; if there is none, this one is saved."""
    return load_array(once(folder, lambda draft: save_array(draft / "array.npy", array)) / "array.npy")


def _sign(config: SignatureConfig, memory: Path, item: tuple[str, Shard]) -> bool:
    """Sign a shard unless cached; whether it was signed."""
    digest, shard = item
    known = memory / config.name(digest)
    fresh = not known.exists()
    once(known, lambda draft: _write(draft, config, texts_of(shard.kept("documents", ["text"])["text"])))
    return fresh


def _write(folder: Path, config: SignatureConfig, texts: Texts) -> None:
    signed = [_signed(words, config) for words in word_blocks(texts, np.arange(texts.starts.size - 1))]
    before = np.cumsum([0, *(block.content.shape[1] for block in signed)])[:-1].astype(np.uint32)  # texts of the blocks before
    content, keys = (np.concatenate([getattr(block, name) for block in signed], axis=1) for name in ("content", "keys"))
    worded = np.flatnonzero(content.any(axis=0))
    order = np.argsort(keys[:, worded], axis=1)
    arrays: dict[str, npt.NDArray[Any]] = {
        "content": content.T,
        "keys": np.take_along_axis(keys[:, worded], order, axis=1),
        "rows": worded[order].astype(np.uint32),
    }
    for name, found in (("paragraphs", [block.paragraphs for block in signed]), ("fingerprints", [block.fingerprints for block in signed])):
        hashes = np.concatenate([own for own, _ in found], axis=1)
        places = np.concatenate([np.stack([place[0] + start, place[1]]) for (_, place), start in zip(found, before, strict=True)], axis=1)
        ranked = np.argsort(hashes[0])
        arrays |= {name: hashes[:, ranked], f"{name}-places": places[:, ranked]}
    for name, array in arrays.items():
        save_array(folder / f"{name}.npy", np.ascontiguousarray(array))
    counts = {name: arrays[name].shape[1] for name in ("paragraphs", "fingerprints")}
    write_json(folder / "counts.json", {"documents": texts.starts.size - 1, "keys": worded.size, **counts})


@dataclass(frozen=True)
class _Signed:
    """A block of texts; places are [2, ...]: text and paragraph number."""

    content: Hashes  # [2, texts]
    keys: Hashes  # [bands, texts]
    paragraphs: tuple[Hashes, Uint32Array]  # [2, paragraphs], places
    fingerprints: tuple[Hashes, Uint32Array]  # [1, fingerprints], places


def _signed(words: Words, config: SignatureConfig) -> _Signed:
    keys = words.content.T[:1]
    if config.bands:
        least = signatures(words, shingle=config.shingle, size=config.bands * config.rows)
        keys = np.concatenate([keys, band_keys(least, bands=config.bands, rows=config.rows)])
    fingerprints, places = winnow(words, config.span)
    return _Signed(words.content.T, keys, paragraph_hashes(words, config.paragraph), (fingerprints[None], places))


def _release(array: npt.NDArray[Any]) -> None:
    """Release the pages of a memory-mapped array; they can be read again."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def range_slice(ranked: Hashes, part: tuple[int, int]) -> slice:
    """The slice of sorted keys that lies in a key range."""
    which, parts = part
    edges = [(1 << 64) * edge // parts for edge in (which, which + 1)]
    first, end = (int(np.searchsorted(ranked, np.uint64(edge))) if edge < 1 << 64 else ranked.size for edge in edges)
    return slice(first, end)
