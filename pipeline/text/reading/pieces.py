"""Parts of files to tables of documents and of what could not be used: the pure function that every engine runs."""

import hashlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.tables import conform
from pipeline.core.errors import InputError
from pipeline.core.shards import Piece
from pipeline.text.reading.csv_rows import read_csv
from pipeline.text.reading.documents import read_epub, read_html, read_text
from pipeline.text.reading.found import Found, Job, Notes, Reader
from pipeline.text.reading.json_rows import read_json, read_jsonl
from pipeline.text.reading.rows import Bad, DamagedError, opened
from pipeline.text.reading.sources import Bounds, Item, Part
from pipeline.text.reading.table_rows import read_hub, read_parquet
from pipeline.text.reading.tray import Tray
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


def read_item(item: Item, bounds: Bounds) -> Iterator[Piece]:
    """The documents of the item, at most a shard of text a piece (a longer document alone); one piece at least, perhaps empty.

    Raises InputError where the policy says fail, and where a file can't be opened.
    """
    job = Job(item.source, bounds, stated=False)
    tray = Tray(job)
    for part in item.parts:
        notes = Notes()
        tray.open(part)
        for found in _found(part, job, notes):
            yield from tray.take(found, notes)
        tray.close(notes)
    yield tray.piece()


def table_piece(documents: pa.Table) -> Iterator[Piece]:
    """Documents that were not read but made, as a piece."""
    documents = conform(documents, DOCUMENTS)
    sized = documents.select(["source"]).append_column("size", pc.binary_length(documents["text"]))
    sums = sized.group_by("source").aggregate([("size", "count"), ("size", "sum")]).sort_by("source").to_pylist()
    by_source = {row["source"]: {"documents": row["size_count"], "bytes": row["size_sum"]} for row in sums}
    bits = pc.sum(pc.list_flatten(documents["bits"])).as_py()
    counts = {"documents": documents.num_rows, "bytes": sum(row["size_sum"] for row in sums), "sources": by_source}
    yield Piece({"documents": documents}, counts | ({} if bits is None else {"source_bits": bits}))


def _found(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """What the format's reader finds; a file that can't be unpacked to its end ends with a row of the quarantine."""
    try:
        yield from READERS[part.file.kind](part, job.of(part), notes)
    except DamagedError:
        with opened(part.file.address) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        yield Bad(file=part.file.name, line=None, offset=0, reason="damaged", sha256=digest)
    except OSError as fault:
        raise InputError(
            f"source {job.source.name!r}: {part.file.address} can't be read: {fault}",
            mend="make it readable and run again: what is read stays",
        ) from fault
