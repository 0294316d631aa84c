"""Documents in shards, with side tables."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.core.artifact.base import Draft
from pipeline.core.artifact.metadata import with_metadata
from pipeline.core.artifact.sharded import Sharded
from pipeline.core.artifact.tables import conform
from pipeline.core.files import place
from pipeline.core.shards import Work

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # the name of the source, as in corpus.sources
        pa.field("origin", pa.string(), nullable=False),  # where it was read: FILE, FILE:ROW, and of a chunk of a long text further @BYTE
        pa.field("group", pa.string()),  # documents of one group (editions of a book, pages of a site) never stand on both sides of a split
        pa.field("text", pa.string(), nullable=False),
        pa.field("bits", pa.list_(pa.float64())),  # -log2 P of each paragraph of the clean text where the source is known, else null
    ]
)


_CHUNK = re.compile(r"(?P<text>.*)@[0-9]+", re.DOTALL)


def texts_of(documents: pa.Table) -> list[tuple[str, ...]]:
    """What names the text that each document {id, source, origin} is a chunk of: source and place; or its id if it is a text itself."""
    rows = zip(*(documents[name].to_pylist() for name in ("id", "source", "origin")), strict=True)
    return [(source, chunk["text"]) if (chunk := _CHUNK.fullmatch(origin)) else (identity,) for identity, source, origin in rows]


class Corpus(Sharded):
    """Shards of documents, columns as in DOCUMENTS and perhaps of METADATA; side tables likewise in shards, or whole."""

    kind = "corpus"

    def read(self) -> pa.Table:
        """All documents at once: for small corpora."""
        return self.table("documents")

    def gather(self, work: Work, *, tables: Sequence[str], sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path]) -> None:
        """Take over the shards that were worked out, all or nothing.

        `tables` are names of tables that each piece of the work carries, "documents" among them; `sides` are whole tables;
        `texts` are small files by name, as their content or as a file to copy.
        """
        with self.writing() as draft:
            self.place_shards(draft, work, tables)
            self._finish(draft, sides, texts, documents=work.total.get("documents", 0))

    def write(self, documents: pa.Table, *, sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path]) -> None:
        """Write documents as one shard."""
        with self.writing() as draft:
            self.write_shard(draft, {"documents": conform(documents, with_metadata(DOCUMENTS, documents.column_names))})
            self._finish(draft, sides, texts, documents=documents.num_rows)

    def _finish(self, draft: Draft, sides: Mapping[str, pa.Table], texts: Mapping[str, str | Path], *, documents: int) -> None:
        self.write_sides(draft, sides)
        for name, text in texts.items():
            if isinstance(text, Path):
                place(text, draft.path / name)
            else:
                (draft.path / name).write_text(text, encoding="utf-8")
        draft.facts["documents"] = documents
