"""Documents in shards, with side tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.core.artifact.base import Artifact, Draft
from pipeline.core.artifact.tables import Shard, conform, read_tables, shard_name, write_table
from pipeline.core.files import place
from pipeline.core.shards import Work

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # the name of the source, as in corpus.sources
        pa.field("origin", pa.string(), nullable=False),  # the file, and the row, where the document was read
        pa.field("group", pa.string()),  # documents of one group (editions of a book, pages of a site) never stand on both sides of a split
        pa.field("text", pa.string(), nullable=False),
        pa.field("bits", pa.list_(pa.float64())),  # -log2 P of each paragraph of the clean text where the source is known, else null
    ]
)


class Corpus(Artifact):
    """documents/00000.parquet, ... in the order of reading; side tables likewise in shards, or whole as NAME.parquet."""

    kind = "corpus"

    @property
    def shards(self) -> list[Shard]:
        """The shards, in order. Their documents are columns as in DOCUMENTS."""
        return [Shard(self.path, number) for number in range(self.facts["shards"])]

    def read(self) -> pa.Table:
        """All documents at once: for small corpora."""
        return self.table("documents")

    def has_table(self, name: str) -> bool:
        """Whether the corpus carries a side table."""
        return self.has(f"{name}.parquet") or self.has(shard_name(name, 0))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of the tables at once, shards one after the other."""
        if self.has(f"{name}.parquet"):
            return read_tables([self.file(f"{name}.parquet")], columns)
        return read_tables([self.file(shard_name(name, shard.number)) for shard in self.shards], columns)

    def gather(self, work: Work, *, tables: Sequence[str], sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path]) -> None:
        """Take over the shards that were worked out, all or nothing.

        `tables` are names of tables that each piece of the work carries, "documents" among them; `sides` are whole tables;
        `texts` are small files by name, as their content or as a file to copy.
        """
        with self.writing() as draft:
            for number, piece in enumerate(work.pieces):
                for name in tables:
                    place(piece / f"{name}.parquet", draft.path / shard_name(name, number))
            self._finish(draft, sides, texts, shards=len(work.pieces), documents=work.total.get("documents", 0))

    def write(self, documents: pa.Table, *, sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path]) -> None:
        """Write documents as one shard."""
        with self.writing() as draft:
            (draft.path / "documents").mkdir()
            write_table(conform(documents, DOCUMENTS), draft.path / shard_name("documents", 0))
            self._finish(draft, sides, texts, shards=1, documents=documents.num_rows)

    def _finish(self, draft: Draft, sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path], *, shards: int, documents: int) -> None:
        for name, table in sides.items():
            write_table(table, draft.path / f"{name}.parquet")
        for name, text in texts.items():
            if isinstance(text, Path):
                place(text, draft.path / name)
            else:
                (draft.path / name).write_text(text, encoding="utf-8")
        draft.facts |= {"shards": shards, "documents": documents}
