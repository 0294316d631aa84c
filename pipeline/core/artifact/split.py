"""The corpus in three parts."""

from collections.abc import Mapping
from typing import Literal, get_args

import pyarrow as pa

from pipeline.core.artifact.base import Artifact
from pipeline.core.artifact.corpus import DOCUMENTS, read_table, write_table

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


class Split(Artifact):
    """train.parquet, val.parquet, test.parquet with the columns of DOCUMENTS, and side tables."""

    kind = "split"

    def read(self, part: Part) -> pa.Table:
        """The documents of one part."""
        return read_table(str(self.file(f"{part}.parquet")))

    def write(self, parts: Mapping[Part, pa.Table], *, sides: Mapping[str, pa.Table]) -> None:
        """Write the three parts and the side tables."""
        with self.writing() as draft:
            for part in PARTS:
                write_table(parts[part].select(DOCUMENTS.names).cast(DOCUMENTS), str(draft.path / f"{part}.parquet"))
            for name, table in sides.items():
                write_table(table, str(draft.path / f"{name}.parquet"))
            draft.facts.update({part: parts[part].num_rows for part in PARTS})
