"""The corpus in three parts."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import pyarrow as pa

from pipeline.core.artifact.base import Artifact
from pipeline.core.artifact.tables import Shard, conform, read_tables, shard_name, write_table
from pipeline.core.files import place
from pipeline.core.shards import Work

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
TEXTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # of the document, with #position where it was cut from a longer one
        pa.field("source", pa.string(), nullable=False),  # the name of the source, as in corpus.sources
        pa.field("text", pa.string(), nullable=False),
        pa.field("bits", pa.float64()),  # -log2 P(text) where the source is known, else null
        pa.field("book", pa.string()),  # id of the whole document
        pa.field("heading", pa.string()),  # of the chapter in which the text begins
        pa.field("position", pa.int32()),  # from 0, in the whole document
    ]
)


class Split(Artifact):
    """train/00000.parquet, ..., likewise val and test, columns as in TEXTS; and side tables."""

    kind = "split"

    @property
    def shards(self) -> list[Shard]:
        """The shards; each has a table a part."""
        return [Shard(self.path, number) for number in range(self.facts["shards"])]

    def read(self, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
        """The documents of one part at once."""
        return read_tables([self.file(shard_name(part, shard.number)) for shard in self.shards], columns)

    def table(self, name: str) -> pa.Table:
        """One of the side tables."""
        if self.has(f"{name}.parquet"):
            return read_tables([self.file(f"{name}.parquet")])
        return read_tables([self.file(shard_name(name, shard.number)) for shard in self.shards])

    def gather(self, work: Work, *, tables: Sequence[str], sides: Mapping[str, pa.Table]) -> None:
        """Take over the shards that were worked out, all or nothing: the three parts, and `tables` of the same pieces."""
        with self.writing() as draft:
            for number, piece in enumerate(work.pieces):
                for name in (*PARTS, *tables):
                    place(piece / f"{name}.parquet", draft.path / shard_name(name, number))
            for name, table in sides.items():
                write_table(table, draft.path / f"{name}.parquet")
            draft.facts["shards"] = len(work.pieces)
            draft.facts.update((part, work.total.get(part, {}).get("documents", 0)) for part in PARTS)

    def write(self, parts: Mapping[Part, pa.Table], *, sides: Mapping[str, pa.Table]) -> None:
        """Write the three parts, as one shard, and the side tables."""
        with self.writing() as draft:
            for part in PARTS:
                (draft.path / part).mkdir()
                write_table(conform(parts[part], TEXTS), draft.path / shard_name(part, 0))
            for name, table in sides.items():
                write_table(table, draft.path / f"{name}.parquet")
            draft.facts["shards"] = 1
            draft.facts.update((part, parts[part].num_rows) for part in PARTS)
