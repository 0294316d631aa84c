"""Artifacts of tables in shards."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.core.artifact.base import Artifact, Draft
from pipeline.core.artifact.tables import Shard, read_table, read_tables, shard_name, write_table
from pipeline.core.files import place
from pipeline.core.shards import Work


class Sharded(Artifact):
    """NAME/00000.parquet, ... in the order of reading, or a whole table as NAME.parquet."""

    @property
    def shards(self) -> list[Shard]:
        """The shards, in order."""
        return [Shard(self.path, number) for number in range(self.facts["shards"])]

    def has_table(self, name: str) -> bool:
        """Whether the artifact carries a table, in shards or whole."""
        return self.has(f"{name}.parquet") or self.has(shard_name(name, 0))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of the tables at once, shards one after the other."""
        return read_tables(self._files(name), columns)

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """One of the tables shard by shard, so that no more than one is held."""
        return (read_table(path, columns) for path in self._files(name))

    def _files(self, name: str) -> list[Path]:
        if self.has(f"{name}.parquet"):
            return [self.file(f"{name}.parquet")]
        return [self.file(shard_name(name, shard.number)) for shard in self.shards]

    @staticmethod
    def place_shards(draft: Draft, work: Work, tables: Sequence[str]) -> None:
        """Take over the tables of the pieces that were worked out."""
        for number, piece in enumerate(work.pieces):
            for name in tables:
                place(piece / f"{name}.parquet", draft.path / shard_name(name, number))
        draft.facts["shards"] = len(work.pieces)

    @staticmethod
    def write_shard(draft: Draft, tables: Mapping[str, pa.Table]) -> None:
        """Write the tables as the one shard there is."""
        for name, table in tables.items():
            (draft.path / name).mkdir()
            write_table(table, draft.path / shard_name(name, 0))
        draft.facts["shards"] = 1

    @staticmethod
    def write_sides(draft: Draft, sides: Mapping[str, pa.Table]) -> None:
        """Write whole tables."""
        for name, table in sides.items():
            write_table(table, draft.path / f"{name}.parquet")
