"""Collect documents and bad rows into the tables of a piece."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.metadata import with_metadata
from pipeline.core.shards import Piece
from pipeline.text.reading.context import ChunkPlace, ReadContext, ReadStats, Record
from pipeline.text.reading.encoding import replace_surrogates
from pipeline.text.reading.marks import special_tokens
from pipeline.text.reading.metadata import Columns, MetadataReader, metadata_arrays, metadata_counts
from pipeline.text.reading.rows import BadRow
from pipeline.text.reading.sources import FileRange

BAD = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),  # relative to the source's path
        pa.field("line", pa.int64()),  # from 1; null: the whole file
        pa.field("offset", pa.int64()),  # bytes from the start of the unpacked file
        pa.field("reason", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),  # of the row's bytes
    ]
)
PARTS = pa.schema(  # files with rows that lack the column, or that were read in ranges
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("having", pa.int64(), nullable=False),  # rows that have the column
        pa.field("columns", pa.list_(pa.string()), nullable=False),  # of rows that lack it
    ]
)
_COUNTED = ("encodings", "mended", "passed_over", "separators", "cuts", "read_as")  # by the readers
_ROWS = 4096  # documents held as Python objects


def document_id(source: str, name: str, row: int | ChunkPlace | None) -> str:
    """16 hex digits, a hash of the source's name, the file's relative path and the row (of a chunk also its offset)."""
    return _digest(_prefix(source, name), _place(row))


class ShardBuilder:
    """Collects the documents and bad rows of a piece; of the documents also what of METADATA the corpus carries."""

    def __init__(self, context: ReadContext, carried: Sequence[str]) -> None:
        self._job, self._carried = context, carried
        self._schema = with_metadata(DOCUMENTS, carried)
        self._reset()

    def begin_range(self, part: FileRange) -> None:
        """Start a file range."""
        self._part, self._added = part, 0
        self._name = replace_surrogates(part.file.name)
        self._hash = _prefix(self._job.source.name, part.file.name)
        folder, _, rest = self._name.partition("/")
        self._folder = folder if rest and self._job.source.group == "folder" else None
        if part.start == 0:
            self._counts["files"][part.file.kind] += 1

    def add(self, found: Record, stats: ReadStats) -> Iterator[Piece]:
        """Add a document or a bad row; a full piece is yielded first."""
        self._added += 1
        if isinstance(found, BadRow):
            self._quarantine(found, stats)
            return
        row, text, columns = found
        raw: str | bytes = text if text.isascii() else _encoded(text, stats)
        if len(raw) > self._job.limits.max_document_bytes:
            if not self._job.truncates:
                digest = hashlib.sha256(_bytes(raw)).hexdigest()
                line, offset = row if isinstance(row, ChunkPlace) else (row, None)
                self._quarantine(BadRow(file=self._name, line=line, offset=offset, reason="text_too_long", sha256=digest), stats)
                return
            text = _bytes(raw)[: self._job.limits.max_document_bytes].decode("utf-8", "ignore")
            raw = text.encode()
            stats.mended["truncated"] += 1
        if self.bytes and self.bytes + len(raw) > self._job.limits.shard_bytes:
            yield self.finish_piece()
        self._counts["special_tokens"].update(special_tokens(text))
        self._append(row, raw, columns)

    def end_range(self, stats: ReadStats) -> None:
        """End the file range."""
        if not self._added and not stats.passed_over and self._part.whole:
            self._quarantine(BadRow(file=self._name, line=None, offset=0, reason="empty_file", sha256=hashlib.sha256().hexdigest()), stats)
        if stats.columns or not self._part.whole:
            row = {
                "source": self._job.source.name,
                "file": self._name,
                "having": stats.rows_with_column,
                "columns": sorted(map(str, stats.columns)),
            }
            self._parts.append(row)
        for name in _COUNTED:
            self._counts[name].update(getattr(stats, name))

    def finish_piece(self) -> Piece:
        """The piece collected so far; the builder starts afresh."""
        self._flush()
        documents = pa.concat_tables(self._tables)
        reasons = Counter(row["reason"] for row in self._bad)
        own: dict[str, Any] = {
            "documents": documents.num_rows,
            "bytes": self.bytes,
            "grouped": documents.num_rows - documents["group"].null_count,
        }
        counts: dict[str, Any] = {"documents": documents.num_rows, "bytes": self.bytes, "quarantined": len(self._bad)}
        if self._carried:
            own["metadata"], counts["unusable_metadata"] = metadata_counts(documents), dict(sorted(self._metadata.unusable.items()))
        counts |= {name: dict(sorted(counter.items())) for name, counter in {**self._counts, "quarantine": reasons}.items()}
        counts["sources"] = {self._job.source.name: own | {"quarantined": len(self._bad)}}
        tables = {
            "documents": documents,
            "bad": pa.Table.from_pylist(self._bad, schema=BAD),
            "parts": pa.Table.from_pylist(self._parts, schema=PARTS),
        }
        self._reset()
        return Piece(tables, counts)

    def _reset(self) -> None:
        self.bytes = 0
        self._rows: list[tuple[str, str, Any, str | bytes, tuple[Any, ...]]] = []
        self._tables = [self._schema.empty_table()]
        self._metadata = MetadataReader(self._job.source.metadata, self._job.source.license, self._carried)
        self._bad: list[dict[str, Any]] = []
        self._parts: list[dict[str, Any]] = []
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("files", "special_tokens", *_COUNTED)}

    def _quarantine(self, bad: BadRow, stats: ReadStats) -> None:
        detail = f"; its columns are {', '.join(sorted(stats.columns))}" if bad.reason == "missing_column" else ""
        self._job.check_policy(bad.reason, bad.file, bad.line, detail)
        self._bad.append({"source": self._job.source.name, **bad.as_dict(), "file": replace_surrogates(bad.file)})

    def _append(self, row: int | ChunkPlace | None, raw: str | bytes, columns: Columns) -> None:
        place = _place(row)
        group = columns.get(self._job.source.group_column) if self._job.source.group_column else None
        if group is None:
            group = self._folder
        if group is None and isinstance(row, ChunkPlace):
            group = _digest(self._hash, _place(row.row))
        self._rows.append((_digest(self._hash, place), self._name + place, group, raw, self._metadata.values(columns)))
        self.bytes += len(raw)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        """Convert the collected rows to Arrow."""
        if not self._rows:
            return
        ids, origins, groups, texts, metadata = zip(*self._rows, strict=True)
        names = [None if group is None else replace_surrogates(str(group)) for group in groups]
        columns = [
            pa.array(ids, pa.string()),
            pa.repeat(pa.scalar(self._job.source.name), len(ids)),
            pa.array(origins, pa.string()),
            pa.array(names, pa.string()),
            pa.array(texts, pa.binary()).view(pa.string()),  # ASCII as str, anything else is encoded once
            pa.nulls(len(ids), DOCUMENTS.field("bits").type),
            *metadata_arrays(self._carried, metadata),
        ]
        self._tables.append(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows = []


def _encoded(text: str, stats: ReadStats) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        stats.mended["surrogates"] += 1
        return replace_surrogates(text).encode()


def _bytes(raw: str | bytes) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw


def _prefix(source: str, name: str) -> "hashlib.blake2b":
    return hashlib.blake2b(f"{source}\x1f{name}".encode("utf-8", "surrogateescape"), digest_size=8)


def _place(row: int | ChunkPlace | None) -> str:
    """What follows the name of the file in an origin: :ROW, of a chunk :ROW@OFFSET or @OFFSET."""
    if isinstance(row, ChunkPlace):
        return f"{_place(row.row)}@{row.offset}"
    return "" if row is None else f":{row}"


def _digest(prefix: "hashlib.blake2b", place: str) -> str:
    digest = prefix.copy()
    if place:
        digest.update(b"\x1f" + place.removeprefix(":").encode())
    return digest.hexdigest()
