"""Tables on disk: Parquet whose pages are checked, a table perhaps in many files."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LONG = ("text", "clean")  # columns of texts of any length
_ROOM = 1 << 27  # bytes of the columns that a process keeps
_State = tuple[int, int, int, int]  # of a file: device, number, size, time of the last change
_kept: OrderedDict[tuple[_State, str], pa.ChunkedArray] = OrderedDict()  # columns by file and name; the last used comes last
_door = Lock()


def write_table(table: pa.Table, path: str | Path) -> None:
    """Parquet with a checksum on each page: a flipped bit is an error, not another text."""
    short = [name for name in table.column_names if name not in LONG]  # a dictionary or statistics would hold long texts thrice
    pq.write_table(table, path, compression="zstd", write_page_checksum=True, use_dictionary=short, write_statistics=False)


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table that write_table wrote, or some of its columns; its page checksums are compared."""
    return pq.ParquetFile(path, page_checksum_verification=True).read(columns=None if columns is None else list(columns))


def read_tables(paths: Sequence[Path], columns: Sequence[str] | None = None) -> pa.Table:
    """The files of one table, one after the other; at least one."""
    return pa.concat_tables([read_table(path, columns) for path in paths])


def kept_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table that is read again in a moment, or some of its columns: those that were read so last stay in memory, 128 MB together."""
    file, stat = pq.ParquetFile(path, page_checksum_verification=True), path.stat()
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    schema = pa.schema([file.schema_arrow.field(name) for name in columns or file.schema_arrow.names])
    with _door:
        known = {name: _kept[state, name] for name in schema.names if (state, name) in _kept}
        for name in known:
            _kept.move_to_end((state, name))
    if missing := [name for name in schema.names if name not in known]:
        read = file.read(columns=missing)
        known |= {name: read[name] for name in missing}
        with _door:
            _kept.update({(state, name): read[name] for name in missing if read[name].nbytes <= _ROOM})
            while sum(column.nbytes for column in _kept.values()) > _ROOM:
                _kept.popitem(last=False)
    return pa.table([known[name] for name in schema.names], schema=schema)


def tally(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value stands in a column, by value."""
    return dict(sorted((entry["values"], entry["counts"]) for entry in pc.value_counts(column).to_pylist()))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of the schema, in its order and types. One that may be null and is missing becomes null."""
    missing = [field for field in schema if field.name not in table.column_names and field.nullable]
    for field in missing:
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(schema.names).cast(schema)


@dataclass(frozen=True)
class Shard:
    """The rows of all tables of an artifact that belong together: NAME/00003.parquet of each."""

    folder: Path  # of the artifact
    number: int

    def path(self, name: str) -> Path:
        """The file of one of the tables."""
        return self.folder / name / f"{self.number:05d}.parquet"

    def columns(self, name: str) -> list[str]:
        """The names of the columns of one of the tables."""
        return list(pq.read_schema(self.path(name)).names)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of the tables, or some of its columns."""
        return read_table(self.path(name), columns)

    def kept(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of the tables, or some of its columns, which another phase of the stage reads too."""
        return kept_table(self.path(name), columns)


def shard_name(table: str, number: int) -> str:
    """The file of a table's shard, relative to the artifact."""
    return f"{table}/{number:05d}.parquet"
