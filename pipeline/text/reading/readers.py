"""Read file ranges into tables of documents and bad rows: the pure function that every engine runs."""

import hashlib
import shlex
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.tables import conform
from pipeline.core.errors import InputError
from pipeline.core.shards import Piece
from pipeline.text.reading.content import HEAD, is_page
from pipeline.text.reading.context import ReadContext, Reader, ReadStats, Record
from pipeline.text.reading.csv_rows import read_csv
from pipeline.text.reading.documents import read_epub, read_html
from pipeline.text.reading.json_rows import read_json, read_jsonl
from pipeline.text.reading.plain import read_text
from pipeline.text.reading.rows import BadRow, DamagedError, bad_file, open_raw
from pipeline.text.reading.shard_builder import ShardBuilder
from pipeline.text.reading.sources import FileRange, ReadLimits, ReadTask
from pipeline.text.reading.table_rows import read_hub, read_parquet
from pipeline.text.reading.warc import read_warc

READERS: dict[str, Reader] = {
    "txt": read_text,
    "md": read_text,
    "html": read_html,
    "jsonl": read_jsonl,
    "json": read_json,
    "csv": read_csv,
    "parquet": read_parquet,
    "epub": read_epub,
    "warc": read_warc,
    "hub": read_hub,
}
_DATA = ("jsonl", "json", "csv", "parquet", "epub", "warc")  # formats that never begin as a page does


def read_task(task: ReadTask, limits: ReadLimits, carried: Sequence[str]) -> Iterator[Piece]:
    """The documents of a task, at most a shard of text per piece (a longer document alone); at least one piece, perhaps empty.

    `carried` is what of METADATA the corpus has a column for. Raises InputError if the policy is fail, or if a file can't be opened.
    """
    context = ReadContext(task.source, limits, stated=False)
    builder = ShardBuilder(context, carried)
    for part in task.parts:
        stats = ReadStats()
        builder.begin_range(part)
        for found in _records(part, context, stats):
            yield from builder.add(found, stats)
        builder.end_range(stats)
    yield builder.finish_piece()


def table_piece(documents: pa.Table) -> Iterator[Piece]:
    """Generated documents as a piece."""
    documents = conform(documents, DOCUMENTS)
    sized = documents.select(["source"]).append_column("size", pc.binary_length(documents["text"]))
    sums = sized.group_by("source").aggregate([("size", "count"), ("size", "sum")]).sort_by("source").to_pylist()
    by_source = {row["source"]: {"documents": row["size_count"], "bytes": row["size_sum"]} for row in sums}
    bits = pc.sum(pc.list_flatten(documents["bits"])).as_py()
    counts = {"documents": documents.num_rows, "bytes": sum(row["size_sum"] for row in sums), "sources": by_source}
    yield Piece({"documents": documents}, counts | ({} if bits is None else {"source_bits": bits}))


def _records(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The records of a file range; a file that can't be decompressed to its end yields a bad row at the end.

    A page in the place of rows, as a failed download leaves it, is one bad row.
    """
    try:
        if part.start == 0 and part.file.kind in _DATA:
            with open_raw(part.file.address) as file:
                head = file.read(HEAD)
            if is_page(head):
                yield bad_file(part.file.name, "another_format", head)
                return
        yield from READERS[part.file.kind](part, context.for_file(part), stats)
    except DamagedError:
        with open_raw(part.file.address) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        yield BadRow(file=part.file.name, line=None, offset=0, reason="damaged", sha256=digest)
    except OSError as fault:
        raise InputError(
            f"source {context.source.name!r}: {part.file.address} can't be read: {fault}",
            mend=f"chmod u+r {shlex.quote(part.file.address)}, and run again: finished tasks are kept",
        ) from fault
