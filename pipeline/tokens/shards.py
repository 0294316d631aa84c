"""Packed token rows on disk: one safetensors file per part, bound to the tokenizer that made them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tokenizers
from safetensors import safe_open
from safetensors.numpy import save_file

from pipeline.core.artifact.metadata import UNKNOWN, leading
from pipeline.core.artifact.split import PARTS, Part, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError
from pipeline.tokens.dialogues import IGNORE_INDEX, quantiles
from pipeline.tokens.pack import pack_rows
from pipeline.tokens.special import IDS, PAD
from pipeline.tokens.tokenizer import encode, load

Int64Array = npt.NDArray[np.int64]

METADATA = {"format": "np"}  # one key: with two, safetensors writes them in random order


@dataclass(frozen=True)
class Rows:
    """The rows of one part. A piece is a run of one document: (document, offset, row, column, tokens)."""

    rows: npt.NDArray[np.unsignedinteger]  # [N, length]
    pieces: npt.NDArray[np.int64]  # [P, 5], in the order of documents and offsets
    facts: Mapping[str, Any]  # documents, bytes, tokens, bits, document_tokens, rows, fill

    @property
    def length(self) -> int:
        """Tokens a row."""
        return int(self.rows.shape[1])

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """[N, length]: the ids, IGNORE_INDEX at padding and at the first token of each piece, which has no context."""
        labels = self.rows.astype(np.int64)
        labels[labels == IDS[PAD]] = IGNORE_INDEX
        labels[self.pieces[:, 2], self.pieces[:, 3]] = IGNORE_INDEX
        return labels

    def documents(self) -> Iterator[npt.NDArray[np.int64]]:
        """The documents in order, reassembled, with BOS."""
        starts = np.flatnonzero(self.pieces[:, 1] == 0)
        for mine in np.split(self.pieces, starts[1:]) if len(starts) else []:
            yield np.concatenate([self.rows[row, column : column + tokens] for _, _, row, column, tokens in mine]).astype(np.int64)


def write_rows(source: Split, tokenizer: Tokenizer, target: Tokens, *, sequence_length: int) -> dict[str, dict[str, Any]]:
    """Encode and pack the three parts; returns the facts of each: documents, bytes, tokens, bits, rows, fill, and document_tokens.

    document_tokens is the row length that holds 50, 90, 95 and 99 % of the documents whole. Where the text carries licenses, train also has
    `licenses`: documents, bytes and tokens by license.
    """
    codec = load(tokenizer)
    vocabulary = codec.get_vocab_size()
    with target.writing() as draft:
        draft.facts |= {"tokenizer": tokenizer.digest, "vocabulary": vocabulary, "length": sequence_length}
        for part in PARTS:
            tensors, facts = _pack(source, part, codec, length=sequence_length)
            save_file(tensors, draft.path / f"{part}.safetensors", metadata=METADATA)
            draft.facts[part] = facts
        return {part: draft.facts[part] for part in PARTS}


def open_rows(tokens: Tokens, part: Part, *, tokenizer_digest: str) -> Rows:
    """The rows of a part. ArtifactError if another tokenizer made them."""
    made_with = tokens.facts["tokenizer"]
    if made_with != tokenizer_digest:
        raise ArtifactError(
            f"{tokens.path} was made with the tokenizer {made_with[:12]}, but {tokenizer_digest[:12]} is in use",
            mend=f"dvc repro {tokens.path.name}",
        )
    with safe_open(tokens.file(f"{part}.safetensors"), framework="np") as file:
        return Rows(file.get_tensor("rows"), file.get_tensor("pieces"), tokens.facts[part])


def _pack(source: Split, part: Part, codec: tokenizers.Tokenizer, *, length: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a part and its facts. `bits` is null where the source's entropy is unknown for any document."""
    sizes = np.array([len(text.encode()) for texts in source.texts(part) for text in texts], np.int64)
    bits = source.read(part, ["bits"])["bits"].to_pylist()
    dtype = np.uint16 if codec.get_vocab_size() <= 1 << 16 else np.uint32
    encoded = (ids for texts in source.texts(part) for ids in encode(texts, codec))  # a shard at a time: ids take nine times the text
    rows, pieces = pack_rows(encoded, row=length, dtype=dtype)
    fields = (field for piece in pieces for field in (piece.document, piece.offset, piece.row, piece.column, piece.tokens))
    table_of_pieces = np.fromiter(fields, np.int64, count=5 * len(pieces)).reshape(-1, 5)
    first = table_of_pieces[table_of_pieces[:, 1] == 0]
    filled = int(table_of_pieces[:, 4].sum())
    lengths = np.bincount(table_of_pieces[:, 0], table_of_pieces[:, 4], minlength=len(sizes)).astype(np.int64)
    facts = {
        "documents": len(sizes),
        "bytes": int(sizes.sum()),
        "tokens": filled,
        "bits": None if None in bits else sum(bits),
        "document_tokens": quantiles(lengths.tolist()),
        "rows": len(rows),
        "fill": filled / rows.size if rows.size else 0.0,
    }
    if part == "train" and "license" in source.shards[0].columns(part):
        facts["licenses"] = _by_license(source.read(part, ["license"])["license"], sizes, lengths)
    return {"rows": rows, "pieces": table_of_pieces, "starts": first[:, 2] * length + first[:, 3]}, facts


def _by_license(licenses: pa.ChunkedArray, sizes: Int64Array, tokens: Int64Array) -> dict[str, dict[str, int]]:
    """Documents, bytes and tokens of each license, given those of each document, [documents]."""
    found: dict[str, dict[str, int]] = {}
    for name, size, count in zip(licenses.to_pylist(), sizes.tolist(), tokens.tolist(), strict=True):
        own = found.setdefault(name or UNKNOWN, {"documents": 0, "bytes": 0, "tokens": 0})
        own.update(documents=own["documents"] + 1, bytes=own["bytes"] + size, tokens=own["tokens"] + count)
    return leading(found)
