"""Rows of Parquet files and of data sets of the hub."""

import hashlib
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import InputError
from pipeline.text.reading.found import Found, Job, Notes, fault_of, utf8_of
from pipeline.text.reading.rows import Bad, whole_file_bad
from pipeline.text.reading.seekable import seekable
from pipeline.text.reading.sources import HUB, File, Part, Source

_ROWS = 256  # held at a time
_BUFFER = 1 << 20  # bytes of a column read at a time
_OFFLINE = "OfflineModeIsEnabled"  # the hub's own error
_OFFLINE_KEYS = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_FAULTS = (OSError, pa.ArrowException, UnicodeDecodeError)


def read_parquet(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a row. Page checksums are compared where the file has them; rows after a damaged page are not read.

    Raises InputError where the file lacks the column, or has it in a type that is no text.
    """
    with seekable(part.file.address) as file:
        try:
            table = pq.ParquetFile(file, page_checksum_verification=True, buffer_size=_BUFFER, pre_buffer=False)
        except _FAULTS:
            yield whole_file_bad(part.file.name, "damaged", _head(file))
            return
        columns = _columns(table.schema_arrow, job, part.file.name)
        groups, first = _row_groups(table.metadata, part)
        batches = table.iter_batches(batch_size=_ROWS, row_groups=groups, columns=columns, use_threads=False)
        try:
            yield from rows_of(batches, part.file.name, job, notes, first)
        except _FAULTS:
            yield whole_file_bad(part.file.name, "damaged", _head(file))


def read_hub(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a row of a shard of the data set; part.start of part.end."""
    from datasets.exceptions import DatasetGenerationError

    data = _load(job.source).shard(num_shards=part.end, index=part.start)
    try:
        tables = data.with_format("arrow").iter(batch_size=_ROWS)
        yield from rows_of((batch for table in tables for batch in _checked(table, job, part)), part.file.name, job, notes, 0)
    except (*_FAULTS, DatasetGenerationError) as fault:
        raise InputError(
            f"source {job.source.name!r}: {part.file.name} can't be read: {fault}", mend="run again, or mend the data set"
        ) from fault


def hub_files(source: Source) -> list[Part]:
    """The shards of a data set, in its own order."""
    count = int(_load(source).num_shards)
    return [Part(File(source.path, f"{source.split}/{number:05d}", 0, "hub"), number, count, 0) for number in range(count)]


def rows_of(batches: Iterable[pa.RecordBatch], name: str, job: Job, notes: Notes, first: int) -> Iterator[Found]:
    """The batches' rows; the first of them is row first + 1."""
    column, group = job.source.column, job.source.group_column
    for batch in batches:
        texts = _values(batch.column(column))
        groups = batch.column(group).to_pylist() if group else [None] * len(texts)
        notes.having += len(texts)
        for row, (text, of) in enumerate(zip(texts, groups, strict=True), start=first + 1):
            value = utf8_of(text, job, notes) if isinstance(text, bytes) else text
            reason = "invalid_utf8" if value is None and text is not None else fault_of(value)
            if reason is None and isinstance(value, str):
                yield row, value, of
            else:
                raw = text if isinstance(text, bytes) else str(text or "").encode("utf-8", "surrogatepass")
                yield Bad(file=name, line=row, offset=None, reason=str(reason), sha256=hashlib.sha256(raw).hexdigest())
        first += len(texts)


def _values(column: pa.Array) -> list[Any]:
    """The texts, or their bytes where one is no UTF-8: Arrow does not look when it reads."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        values = plain.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
    return values


def _columns(schema: pa.Schema, job: Job, name: str) -> list[str]:
    """The columns that are read. Raises InputError where one is missing or is no text."""
    wanted = [column for column in (job.source.column, job.source.group_column) if column]
    if missing := [column for column in wanted if column not in schema.names]:
        raise InputError(
            f"source {job.source.name!r}: {name} has no column {missing[0]!r}; its columns are {', '.join(schema.names)}",
            mend=f"corpus.sources: column or group of {job.source.name!r} is one of these, or its path leaves the file out",
        )
    kind = schema.field(job.source.column).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    raws = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if not any(test(inner) for test in (*texts, *raws)):
        raise InputError(
            f"source {job.source.name!r}: the column {job.source.column!r} of {name} is {kind}, no text; its columns are "
            + ", ".join(f"{field.name} ({field.type})" for field in schema),
            mend=f"corpus.sources: column of {job.source.name!r} is one that holds text",
        )
    return wanted


def _row_groups(metadata: pq.FileMetaData, part: Part) -> tuple[Sequence[int], int]:
    """The row groups that begin in the part, and the number of rows before them."""
    begins = [_begin(metadata.row_group(number)) for number in range(metadata.num_row_groups)]
    mine = [number for number, begin in enumerate(begins) if part.start <= begin and (part.end is None or begin < part.end)]
    return mine, sum(metadata.row_group(number).num_rows for number in range(mine[0])) if mine else 0


def _begin(group: pq.RowGroupMetaData) -> int:
    column = group.column(0)
    return int(column.dictionary_page_offset or column.data_page_offset)


def _checked(table: pa.Table, job: Job, part: Part) -> list[pa.RecordBatch]:
    """The table's batches, of the columns that are read alone."""
    batches: list[pa.RecordBatch] = table.select(_columns(table.schema, job, part.file.name)).to_batches()
    return batches


def _load(source: Source) -> Any:
    """The data set, of which nothing is read yet. Raises InputError."""
    from datasets import load_dataset

    try:
        return load_dataset(
            source.path.removeprefix(HUB), source.subset, split=source.split, revision=source.revision, streaming=True, token=None
        )
    except Exception as fault:  # of the hub, the network, the data set's own files: a dozen packages' errors
        mend = "correct path, subset, split and revision; or the network"
        if _OFFLINE in "".join(traceback.format_exception(fault)):  # the cause, or a word of another error's message
            names = [name for name in _OFFLINE_KEYS if os.environ.get(name)] or _OFFLINE_KEYS
            mend = f"the hub may not be asked: unset {' and '.join(names)} in the environment"
        raise InputError(f"source {source.name!r}: {source.path} can't be loaded: {fault}", mend=mend) from fault


def _head(file: IO[bytes]) -> bytes:
    """The bytes by which a damaged file is found again: all of a small one, else its first megabytes."""
    file.seek(0)
    return file.read(1 << 24)
