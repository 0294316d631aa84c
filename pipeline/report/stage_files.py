"""The folder of an artifact as somebody who looks things up reads it: on this disk or at a revision of it.

Its files are not hashed first: each Parquet page carries a checksum, which is compared when the page is read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core import manifest
from pipeline.core.errors import ArtifactError

Row = dict[str, Any]
Where = Callable[[pa.Table], pa.ChunkedArray]  # a boolean a row


class Files(Protocol):
    """What opens a file by its path: a file system as fsspec has them."""

    def open(self, path: str, mode: str) -> Any:
        """The file, to be read from anywhere in it; OSError where there is none."""


class Disk:
    """The files of this disk."""

    def open(self, path: str, mode: str) -> BinaryIO:
        """The file, to be read as bytes whatever the mode."""
        return Path(path).open("rb")


@dataclass(frozen=True)
class Place:
    """A row of a table: its values, the number of its shard, and its number in the whole table."""

    row: Row
    shard: int
    number: int


@dataclass(frozen=True)
class StageFiles:
    """An artifact's folder."""

    files: Files
    folder: str

    @cached_property
    def manifest(self) -> Row | None:
        """What the manifest says; None where there is no whole artifact."""
        try:
            content: Row = orjson.loads(self.bytes(manifest.NAME))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            raise ArtifactError(f"{self.folder}/{manifest.NAME} can't be read: {fault}", mend="make heal") from fault
        return content

    def bytes(self, name: str) -> bytes:
        """A small file's content; FileNotFoundError where there is none."""
        with self.files.open(f"{self.folder}/{name}", "rb") as file:
            content: bytes = file.read()
        return content

    def names(self, table: str) -> list[str]:
        """The files of a table in the order of its shards; none where the artifact has no such table."""
        listed = (self.manifest or {"files": {}})["files"]
        return sorted(name for name in listed if name == f"{table}.parquet" or (name.startswith(f"{table}/") and name.endswith(".parquet")))

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """A file of a table, or those of the columns that it has."""
        try:
            with self.files.open(f"{self.folder}/{name}", "rb") as handle:
                file = pq.ParquetFile(handle, page_checksum_verification=True)
                there = file.schema_arrow.names
                return file.read(columns=there if columns is None else [column for column in columns if column in there])
        except (OSError, pa.ArrowInvalid) as fault:
            raise ArtifactError(f"{self.folder}/{name} can't be read: {fault}", mend=f"make heal {self.folder}") from fault

    def shards(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of a table, file by file."""
        return (self.read(name, columns) for name in self.names(table))

    def find(self, table: str, keys: Sequence[str], where: Where, columns: Sequence[str] | None = None) -> Iterator[Place]:
        """The rows whose keys satisfy the condition. Other columns are read only of files that hold such a row."""
        before = 0
        for shard, name in enumerate(self.names(table)):
            wanted = pc.fill_null(where(looked := self.read(name, keys)), False)
            numbers = pc.indices_nonzero(wanted).to_pylist()
            if numbers:
                found = self.read(name, columns).filter(wanted).to_pylist()
                yield from (Place(row, shard, before + number) for row, number in zip(found, numbers, strict=True))
            before += looked.num_rows


def equals(column: str, value: str) -> Where:
    """Rows whose column has the value."""
    return lambda table: pc.equal(table[column], value)
