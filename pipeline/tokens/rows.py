"""Rows of tokens as the trainers read them: from files that are mapped, so that no more than a batch is held.

batch B, time T
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.split import Part
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError
from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.pack import Int64Array, Layout, Packing, Stream, lay
from pipeline.tokens.special import IDS, PAD

DTYPES = {"U16": np.uint16, "U32": np.uint32, "I64": np.int64, "F32": np.float32}  # of safetensors


@dataclass(frozen=True)
class Batch:
    """Some rows. The end of a document predicts `<|endoftext|>`, a cut end the token that follows it in its document."""

    ids: Int64Array  # [B, T]; PAD after the last run
    targets: Int64Array  # [B, T]: what each token predicts; IGNORE_INDEX at padding
    positions: Int64Array  # [B, T]: from 0 in each run, 0 at padding


@dataclass(frozen=True)
class Rows:
    """The rows of one part, shard by shard."""

    length: int  # tokens a row
    shards: Sequence[tuple[Stream, Layout]]
    facts: Mapping[str, Any]  # documents, bytes, tokens, bits, document_tokens, rows, fill

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def read(self, numbers: npt.ArrayLike) -> Batch:
        """The rows of these numbers, in this order."""
        asked = np.asarray(numbers, np.int64)
        shape = (len(asked), self.length)
        batch = Batch(np.full(shape, IDS[PAD]), np.full(shape, IGNORE_INDEX), np.zeros(shape, np.int64))
        of_shard = np.searchsorted(self._first_rows, asked, side="right") - 1
        for shard in np.unique(of_shard):
            mine = np.flatnonzero(of_shard == shard)
            stream, layout = self.shards[shard]
            self._fill(batch, mine, stream, layout, asked[mine] - self._first_rows[shard])
        return batch

    @cached_property
    def sizes(self) -> Int64Array:
        """Tokens of each document, BOS among them."""
        return np.concatenate([np.zeros(0, np.int64), *(np.diff(stream.starts) for stream, _ in self.shards)])

    @property
    def scored(self) -> bool:
        """Whether documents carry a score of their quality."""
        return any(stream.scores is not None and bool(np.isfinite(stream.scores).any()) for stream, _ in self.shards)

    def view(self, *, best: float, length: int | None) -> "Rows":
        """Rows of another length, laid anew, of the documents with the highest scores that make up a share of the tokens.

        Documents without a score come last. ValueError where a choice is asked for and there is no score at all.
        """
        row = length or self.length
        keeps: list[npt.NDArray[np.bool_] | None] = [None] * len(self.shards)
        if best < 1:
            if not self.scored:
                raise ValueError("no document has a score")
            scores = np.concatenate([_known(stream) for stream, _ in self.shards])
            order = np.argsort(-scores, kind="stable")
            read = np.cumsum(self.sizes[order])
            kept = np.zeros(len(scores), np.bool_)
            kept[order[: 1 + int(np.searchsorted(read, best * read[-1]))]] = True  # the one that fills the share is in
            keeps = list(np.split(kept, self._first_documents[1:-1]))
        packing: Packing = self.facts.get("packing", "best_fit")
        shards = [
            (stream, lay(stream.starts, row=row, packing=packing, kept=keep)) for (stream, _), keep in zip(self.shards, keeps, strict=True)
        ]
        return Rows(row, shards, self.facts)

    def document(self, number: int) -> Int64Array:
        """A document, with BOS; an empty one has no token."""
        shard = int(np.searchsorted(self._first_documents, number, side="right")) - 1
        stream = self.shards[shard][0]
        first, last = stream.starts[number - self._first_documents[shard] :][:2]
        return stream.tokens[first:last].astype(np.int64)

    def documents(self) -> Iterator[Int64Array]:
        """The documents in order, with BOS; no empty ones."""
        return (self.document(int(number)) for number in np.flatnonzero(self.sizes))

    def rows_of(self, document: int) -> Int64Array:
        """The numbers of the rows that hold a document, in its order; none for an empty one."""
        shard = int(np.searchsorted(self._first_documents, document, side="right")) - 1
        stream, layout = self.shards[shard]
        first, last = stream.starts[document - self._first_documents[shard] :][:2]
        mine = np.flatnonzero((layout.runs[:, 0] >= first) & (layout.runs[:, 0] < last))
        mine = mine[np.argsort(layout.runs[mine, 0], kind="stable")]
        numbers: Int64Array = self._first_rows[shard] + np.searchsorted(layout.rows, mine, side="right") - 1
        return numbers

    def owners(self, numbers: npt.ArrayLike) -> list[Int64Array]:
        """For each of these rows the document of each of its runs, from the left."""
        found: list[Int64Array] = []
        for number in np.asarray(numbers, np.int64):
            shard = int(np.searchsorted(self._first_rows, number, side="right")) - 1
            stream, layout = self.shards[shard]
            first, last = layout.rows[number - self._first_rows[shard] :][:2]
            documents = np.searchsorted(stream.starts, layout.runs[first:last, 0], side="right") - 1
            found.append((documents + self._first_documents[shard]).astype(np.int64))
        return found

    def _fill(self, batch: Batch, into: Int64Array, stream: Stream, layout: Layout, rows: Int64Array) -> None:
        """Write rows of one shard into rows of the batch."""
        first, last = layout.rows[rows], layout.rows[rows + 1]
        of_row = np.repeat(np.arange(len(rows)), last - first)
        runs = layout.runs[_ranges(first, last - first)]
        starts, sizes = runs[:, 0], runs[:, 1]
        filled = np.bincount(of_row, sizes, minlength=len(rows)).astype(np.int64)
        where = (np.repeat(into, filled), _ranges(np.zeros_like(filled), filled))
        within = _ranges(np.zeros_like(sizes), sizes)
        source = np.repeat(starts, sizes) + within
        batch.ids[where], batch.targets[where], batch.positions[where] = stream.tokens[source], stream.tokens[source + 1], within

    @cached_property
    def _first_rows(self) -> Int64Array:
        return np.cumsum([0, *(len(layout.rows) - 1 for _, layout in self.shards)], dtype=np.int64)

    @cached_property
    def _first_documents(self) -> Int64Array:
        return np.cumsum([0, *(len(stream.starts) - 1 for stream, _ in self.shards)], dtype=np.int64)


def open_rows(tokens: Tokens, part: Part, *, tokenizer_digest: str) -> Rows:
    """The rows of a part. ArtifactError if another tokenizer made them."""
    made_with = tokens.facts["tokenizer"]
    if made_with != tokenizer_digest:
        raise ArtifactError(
            f"{tokens.path} was made with the tokenizer {made_with[:12]}, but {tokenizer_digest[:12]} is in use",
            mend=f".venv/bin/dvc repro {tokens.path.name}",
        )
    return rows_in(tokens.path, part, tokens.facts)


def rows_in(folder: Path, part: Part, facts: Mapping[str, Any]) -> Rows:
    """The rows of a part in a folder of tokens whose manifest states these facts."""
    arrays = [mapped(folder / Tokens.shard(part, number)) for number in range(facts[part]["shards"])]
    shards = [
        (Stream(tokens=one["tokens"], starts=one["starts"], scores=one.get("scores")), Layout(runs=one["runs"], rows=one["rows"]))
        for one in arrays
    ]
    return Rows(int(facts["length"]), shards, facts[part])


def rows_by_lot(count: int, *, length: int, vocabulary: int) -> Rows:
    """Full rows of tokens by lot, a document each: to time a step on."""
    ids = np.random.default_rng(1).integers(len(IDS), vocabulary, (count, length - 1))
    stream = Stream.of_ids(ids.ravel(), np.full(count, length - 1), np.uint32)
    return Rows(length, [(stream, lay(stream.starts, row=length, packing="best_fit"))], {})


def mapped(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a safetensors file, read when they are looked at and given back when memory is short."""
    content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    begin = 8 + int(content[:8].view(np.uint64)[0])
    header: dict[str, Any] = json.loads(content[8:begin].tobytes())
    header.pop("__metadata__", None)
    cut = {name: content[begin:][slice(*told["data_offsets"])] for name, told in header.items()}
    return {name: cut[name].view(DTYPES[told["dtype"]]).reshape(told["shape"]) for name, told in header.items()}


def _known(stream: Stream) -> npt.NDArray[np.float32]:
    """The score of each document; below all others where it is unknown."""
    unknown = np.full(len(stream.starts) - 1, -1, np.float32)
    return unknown if stream.scores is None else np.nan_to_num(stream.scores, nan=-1.0)


def _ranges(first: Int64Array, sizes: Int64Array) -> Int64Array:
    """first[0], first[0] + 1, … of sizes[0] numbers, then those of first[1]: [sum of sizes]."""
    ends = np.cumsum(sizes)
    ranges: Int64Array = np.repeat(first - ends + sizes, sizes) + np.arange(ends[-1] if len(ends) else 0)
    return ranges
