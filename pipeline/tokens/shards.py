"""From text to token shards: encoded on all workers, laid into rows, bound to the tokenizer that made them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveInt
from safetensors.numpy import save_file

from pipeline.core.artifact.base import Draft
from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.metadata import UNKNOWN, leading
from pipeline.core.artifact.split import PARTS, Part, Split
from pipeline.core.artifact.tables import Shard, read_table
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.shards import Piece, RunShards, Work
from pipeline.tokens.dialogues import quantiles
from pipeline.tokens.pack import Int64Array, Layout, Packing, Stream, lay
from pipeline.tokens.tokenizer import encode_arrays, load

METADATA = {"format": "np"}  # one key: with two, safetensors writes them in random order


@dataclass(frozen=True, kw_only=True)
class PackingSettings:
    """How documents become rows."""

    sequence_length: Annotated[int, Field(ge=2)]  # tokens a row; one predicts nothing
    packing: Packing
    shard_tokens: PositiveInt  # of a shard at least; documents of one shard share rows


def write_rows(
    source: Split, tokenizer: Tokenizer, target: Tokens, settings: PackingSettings, run_shards: RunShards, *, scores: Corpus | None = None
) -> dict[str, dict[str, Any]]:
    """Encode the three parts on all workers and lay them into rows; no more than a shard of text or of tokens is held at a time.

    Returns the facts of each part: documents, bytes, tokens, bits, rows, fill, shards, and document_tokens, the row length that holds 50,
    90, 95 and 99 % of the documents whole. Where the text carries licenses, train also has `licenses`: documents, bytes and tokens by
    license. With the quality scores of the corpus that the documents came from, each carries its own.
    """
    codec = load(tokenizer)
    vocabulary = codec.get_vocab_size()
    scored = scores if scores is not None and scores.has_table("scores") else None
    work = run_shards("encode", partial(encode_shard, tokenizer=tokenizer.path, scores=scored), source.shards)
    with target.writing() as draft:
        draft.facts |= {"tokenizer": tokenizer.digest, "vocabulary": vocabulary, "length": settings.sequence_length}
        for part in PARTS:
            told = _write_part(draft, source, part, work, settings, np.uint16 if vocabulary <= 1 << 16 else np.uint32)
            draft.facts[part] = told | {"packing": settings.packing}
        return {part: draft.facts[part] for part in PARTS}


def save_shard(stream: Stream, layout: Layout, path: Path) -> None:
    """One file, which rows.mapped reads."""
    arrays: dict[str, npt.NDArray[Any]] = {"tokens": stream.tokens, "starts": stream.starts, "runs": layout.runs, "rows": layout.rows}
    if stream.scores is not None:
        arrays["scores"] = stream.scores
    save_file(arrays, path, metadata=METADATA)


def encode_shard(shard: Shard, *, tokenizer: Path, scores: Corpus | None) -> Iterator[Piece]:
    """The ids of one shard's documents, a table a part; of train also the scores, where there are any."""
    codec = load(Tokenizer(tokenizer))
    tables: dict[str, pa.Table] = {}
    for part in PARTS:
        read = shard.table(part, ["text", "book"])
        texts = read["text"].to_pylist()
        ids = pa.array(encode_arrays(texts, codec), pa.list_(pa.uint32()))
        table = pa.table({"ids": ids, "bytes": np.array([len(text.encode()) for text in texts], np.int64)})
        tables[part] = table.append_column("scores", _scores_of(read["book"], scores)) if scores and part == "train" else table
    yield Piece(tables, {})


def _scores_of(books: pa.ChunkedArray, scores: Corpus) -> pa.Array:
    """The score of the document that each text is, or was cut from; nan where it has none."""
    found = np.full(len(books), np.nan, np.float32)
    for table in scores.batches("scores"):
        places = pc.index_in(books, value_set=table["id"].combine_chunks())
        known = places.is_valid().to_numpy()
        found[known] = table["score"].to_numpy()[places.drop_null().to_numpy()]
    return pa.array(found)


@dataclass
class _Told:
    """What is counted while the shards of a part are written."""

    sizes: list[npt.NDArray[np.int64]] = field(default_factory=list)  # bytes of each document
    lengths: list[npt.NDArray[np.int64]] = field(default_factory=list)  # tokens of each document, BOS among them
    rows: int = 0
    shards: int = 0


def _write_part(draft: Draft, source: Split, part: Part, work: Work, settings: PackingSettings, dtype: npt.DTypeLike) -> dict[str, Any]:
    """Write the shards of a part, and tell its facts. `bits` is null where the source's entropy is unknown for any document."""
    told = _Told()
    (draft.path / part).mkdir()
    for stream in _streams(work, part, settings.shard_tokens, dtype, told):
        layout = lay(stream.starts, row=settings.sequence_length, packing=settings.packing)
        save_shard(stream, layout, draft.path / Tokens.shard(part, told.shards))
        told.rows, told.shards = told.rows + len(layout.rows) - 1, told.shards + 1
    sizes, lengths = (np.concatenate([np.zeros(0, np.int64), *found]) for found in (told.sizes, told.lengths))
    bits = source.read(part, ["bits"])["bits"].to_pylist()
    facts = {
        "documents": len(sizes),
        "bytes": int(sizes.sum()),
        "tokens": int(lengths.sum()),
        "bits": None if None in bits else sum(bits),
        "document_tokens": quantiles(lengths),
        "rows": told.rows,
        "fill": int(lengths.sum()) / (told.rows * settings.sequence_length) if told.rows else 0.0,
        "shards": told.shards,
    }
    if part == "train" and "license" in source.shards[0].columns(part):
        facts["licenses"] = _by_license(source.read(part, ["license"])["license"], sizes, lengths)
    return facts


def _streams(work: Work, part: Part, least: int, dtype: npt.DTypeLike, told: _Told) -> Iterator[Stream]:
    """The encoded documents in order, in streams of at least so many tokens, but for the last; at least one."""
    waiting: list[Stream] = []
    paths = work.paths(part)
    for number, path in enumerate(paths):
        table = read_table(path)
        ids = table["ids"].combine_chunks()
        stream = Stream.of_ids(ids.flatten().to_numpy(), np.diff(ids.offsets.to_numpy()).astype(np.int64), dtype)
        if "scores" in table.column_names:
            stream = replace(stream, scores=table["scores"].to_numpy())
        told.sizes.append(table["bytes"].to_numpy())
        told.lengths.append(np.diff(stream.starts))
        waiting.append(stream)
        if number + 1 == len(paths) or sum(int(one.starts[-1]) for one in waiting) >= least:
            yield Stream.joined(waiting)
            waiting = []


def _by_license(licenses: pa.ChunkedArray, sizes: Int64Array, tokens: Int64Array) -> dict[str, dict[str, int]]:
    """Documents, bytes and tokens of each license, given those of each document, [documents]."""
    found: dict[str, dict[str, int]] = {}
    for name, size, count in zip(licenses.to_pylist(), sizes.tolist(), tokens.tolist(), strict=True):
        own = found.setdefault(name or UNKNOWN, {"documents": 0, "bytes": 0, "tokens": 0})
        own.update(documents=own["documents"] + 1, bytes=own["bytes"] + size, tokens=own["tokens"] + count)
    return leading(found)
