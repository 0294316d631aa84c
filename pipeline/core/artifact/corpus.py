"""Documents, with side tables."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.artifact.base import Artifact

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # the file and row where the document was read
        pa.field("text", pa.string(), nullable=False),
        pa.field("bits", pa.float64()),  # -log2 P(clean text) where the source is known, else null
    ]
)


def write_table(table: pa.Table, path: str) -> None:
    """Parquet with a checksum on each page: a flipped bit is an error, not another text."""
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def read_table(path: str) -> pa.Table:
    """A table that write_table wrote; its page checksums are compared."""
    return pq.read_table(path, page_checksum_verification=True)


class Corpus(Artifact):
    """documents.parquet in the order of reading, and side tables such as dropped.parquet."""

    kind = "corpus"

    def read(self) -> pa.Table:
        """The documents, columns as in DOCUMENTS."""
        return self.table("documents")

    def table(self, name: str) -> pa.Table:
        """One of the tables by its name without .parquet."""
        return read_table(str(self.file(f"{name}.parquet")))

    def write(self, documents: pa.Table, *, sides: Mapping[str, pa.Table], texts: Mapping[str, str]) -> None:
        """Write the documents, the side tables (name -> table) and the small files (file name -> text)."""
        with self.writing() as draft:
            write_table(documents.select(DOCUMENTS.names).cast(DOCUMENTS), str(draft.path / "documents.parquet"))
            for name, table in sides.items():
                write_table(table, str(draft.path / f"{name}.parquet"))
            for name, text in texts.items():
                (draft.path / name).write_text(text, encoding="utf-8")
            draft.facts["documents"] = documents.num_rows
