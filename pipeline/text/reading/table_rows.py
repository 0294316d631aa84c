"""Rows of Parquet files and of Hugging Face data sets."""

import hashlib
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import InputError
from pipeline.text.reading.context import ReadContext, ReadStats, Record, decode_utf8, text_fault
from pipeline.text.reading.metadata import NO_COLUMNS, Columns, looked_up
from pipeline.text.reading.rows import BadRow, bad_file
from pipeline.text.reading.seekable import seekable
from pipeline.text.reading.sources import HUB, File, FileRange, Source

_ROWS = 256  # held at a time
_BUFFER = 1 << 20  # bytes of a column read at a time
_OFFLINE = "OfflineModeIsEnabled"  # the hub's own error
_OFFLINE_KEYS = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_FAULTS = (OSError, pa.ArrowException, UnicodeDecodeError)


def read_parquet(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per row. Page checksums are verified if present; rows after a damaged page are not read.

    Raises InputError if the file lacks the column, or its type is not text.
    """
    with seekable(part.file.address) as file:
        try:
            table = pq.ParquetFile(file, page_checksum_verification=True, buffer_size=_BUFFER, pre_buffer=False)
        except _FAULTS:
            yield bad_file(part.file.name, "damaged", _head(file))
            return
        columns = _columns(table.schema_arrow, context, part.file.name)
        groups, first = _row_groups(table.metadata, part)
        batches = table.iter_batches(batch_size=_ROWS, row_groups=groups, columns=columns, use_threads=False)
        try:
            yield from read_batches(batches, part.file.name, context, stats, first)
        except _FAULTS:
            yield bad_file(part.file.name, "damaged", _head(file))


def read_hub(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per row of a shard of the data set: number part.start of part.end."""
    from datasets.exceptions import DatasetGenerationError

    data = _load(context.source).shard(num_shards=part.end, index=part.start)
    try:
        tables = data.with_format("arrow").iter(batch_size=_ROWS)
        yield from read_batches((batch for table in tables for batch in _checked(table, context, part)), part.file.name, context, stats, 0)
    except (*_FAULTS, DatasetGenerationError) as fault:
        raise InputError(
            f"source {context.source.name!r}: {part.file.name} can't be read: {fault}", mend="run again, or correct the data set"
        ) from fault


def hub_shards(source: Source) -> list[FileRange]:
    """The shards of a data set, in its order."""
    count = int(_load(source).num_shards)
    return [FileRange(File(source.path, f"{source.split}/{number:05d}", 0, "hub"), number, count, 0) for number in range(count)]


def read_batches(batches: Iterable[pa.RecordBatch], name: str, context: ReadContext, stats: ReadStats, first: int) -> Iterator[Record]:
    """The rows of the batches; the first is row first + 1."""
    for batch in batches:
        texts = _values(batch.column(context.source.column))
        stats.rows_with_column += len(texts)
        for row, (text, beside) in enumerate(zip(texts, _beside(batch, context.source), strict=True), start=first + 1):
            value = decode_utf8(text, context, stats) if isinstance(text, bytes) else text
            reason = "invalid_utf8" if value is None and text is not None else text_fault(value)
            if reason is None and isinstance(value, str):
                yield row, value, beside
            else:
                raw = text if isinstance(text, bytes) else str(text or "").encode("utf-8", "surrogatepass")
                yield BadRow(file=name, line=row, offset=None, reason=str(reason), sha256=hashlib.sha256(raw).hexdigest())
        first += len(texts)


def _beside(batch: pa.RecordBatch, source: Source) -> Iterator[Columns]:
    """The columns of each row beside its text, as far as the file has them."""
    if not source.columns:
        yield from repeat(NO_COLUMNS, batch.num_rows)
        return
    days = {source.metadata.date} if source.metadata.date != source.group else set()
    there = {name: _values(_day(batch.column(name)) if name in days else batch.column(name)) for name in _there(batch.schema, source)}
    for row in zip(*there.values(), strict=True) if there else repeat((), batch.num_rows):
        whole = dict(zip(there, row, strict=True))
        yield {name: looked_up(whole, name) for name in source.columns}


def _there(schema: pa.Schema, source: Source) -> list[str]:
    """The columns of the file to read beside the text: by their names, or those that hold them (`meta` for `meta.url`)."""
    names = (name if name in schema.names else name.partition(".")[0] for name in source.columns)
    return [name for name in dict.fromkeys(names) if name in schema.names]


def _day(column: pa.Array) -> pa.Array:
    """A time as its day: Python has no nanoseconds."""
    return column.cast(pa.date32(), safe=False) if pa.types.is_timestamp(column.type) else column


def _values(column: pa.Array) -> list[Any]:
    """The texts, or their bytes if one is invalid UTF-8, which Arrow does not check."""
    try:
        json_values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        json_values = plain.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
    return json_values


def _columns(schema: pa.Schema, context: ReadContext, name: str) -> list[str]:
    """The columns to read. Raises InputError if one is missing or is not text."""
    wanted = [column for column in (context.source.column, context.source.group_column) if column]
    if missing := [column for column in wanted if column not in schema.names]:
        raise InputError(
            f"source {context.source.name!r}: {name} has no column {missing[0]!r}; its columns are {', '.join(schema.names)}",
            mend=f"corpus.sources: column or group of {context.source.name!r} must be one of these, or its path must exclude the file",
        )
    kind = schema.field(context.source.column).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    raws = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if not any(test(inner) for test in (*texts, *raws)):
        raise InputError(
            f"source {context.source.name!r}: the column {context.source.column!r} of {name} is {kind}, not text; its columns are "
            + ", ".join(f"{field.name} ({field.type})" for field in schema),
            mend=f"corpus.sources: column of {context.source.name!r} must be one with text",
        )
    return list(dict.fromkeys([*wanted, *_there(schema, context.source)]))


def _row_groups(metadata: pq.FileMetaData, part: FileRange) -> tuple[Sequence[int], int]:
    """The row groups that begin in the part, and the number of rows before them."""
    begins = [_begin(metadata.row_group(number)) for number in range(metadata.num_row_groups)]
    mine = [number for number, begin in enumerate(begins) if part.start <= begin and (part.end is None or begin < part.end)]
    return mine, sum(metadata.row_group(number).num_rows for number in range(mine[0])) if mine else 0


def _begin(group: pq.RowGroupMetaData) -> int:
    column = group.column(0)
    return int(column.dictionary_page_offset or column.data_page_offset)


def _checked(table: pa.Table, context: ReadContext, part: FileRange) -> list[pa.RecordBatch]:
    """The batches of a table, only with the columns to read."""
    batches: list[pa.RecordBatch] = table.select(_columns(table.schema, context, part.file.name)).to_batches()
    return batches


def _load(source: Source) -> Any:
    told = f"source {source.name!r}: {source.path}"
    return open_hub(source.path, subset=source.subset, split=source.split, revision=source.revision, told=told)


def open_hub(path: str, *, subset: str | None, split: str, revision: str | None, told: str) -> Any:
    """The data set, opened for streaming. Raises InputError, which `told` begins."""
    from datasets import load_dataset

    try:
        return load_dataset(path.removeprefix(HUB), subset, split=split, revision=revision, streaming=True, token=None)
    except Exception as fault:  # hub, network, files of the data set: errors of a dozen packages
        mend = "correct path, subset, split and revision; or the network"
        if _OFFLINE in "".join(traceback.format_exception(fault)):  # in the cause or in another error's message
            names = [name for name in _OFFLINE_KEYS if os.environ.get(name)] or _OFFLINE_KEYS
            mend = f"offline mode is on: unset {' and '.join(names)} in the environment"
        raise InputError(f"{told} can't be loaded: {fault}", mend=mend) from fault


def _head(file: IO[bytes]) -> bytes:
    """The bytes that identify a damaged file: all of a small one, else the first megabytes."""
    file.seek(0)
    return file.read(1 << 24)
