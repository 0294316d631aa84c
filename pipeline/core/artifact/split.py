"""The corpus in three parts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.metadata import with_metadata
from pipeline.core.artifact.sharded import Sharded
from pipeline.core.artifact.tables import conform
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


class Split(Sharded):
    """Shards of the parts train, val and test, columns as in TEXTS and perhaps of METADATA; and side tables."""

    kind = "split"

    def read(self, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
        """The documents of one part at once."""
        return self.table(part, columns)

    def texts(self, part: Part) -> Iterator[list[str]]:
        """The texts of one part, a shard at a time."""
        return (table["text"].to_pylist() for table in self.batches(part, ["text"]))

    def texts_of(self, part: Part, numbers: Sequence[int]) -> list[str]:
        """The texts of some documents of one part, by their numbers in it, in this order; a shard at a time is read."""
        wanted, found, first = np.unique(np.array(numbers, np.int64)), dict[int, str](), 0
        for table in self.batches(part, ["text"]):
            here = wanted[(wanted >= first) & (wanted < first + len(table))]
            found |= zip(here.tolist(), table["text"].take(pa.array(here - first)).to_pylist(), strict=True)
            first += len(table)
        return [found[number] for number in numbers]

    def gather(self, work: Work, *, tables: Sequence[str], sides: Mapping[str, pa.Table]) -> None:
        """Take over the shards that were worked out, all or nothing: the three parts, and `tables` of the same pieces."""
        with self.writing() as draft:
            self.place_shards(draft, work, (*PARTS, *tables))
            self.write_sides(draft, sides)
            draft.facts.update((part, work.total.get(part, {}).get("documents", 0)) for part in PARTS)

    def write(self, parts: Mapping[Part, pa.Table], *, sides: Mapping[str, pa.Table]) -> None:
        """Write the three parts, as one shard, and the side tables."""
        with self.writing() as draft:
            self.write_shard(draft, {part: conform(parts[part], with_metadata(TEXTS, parts[part].column_names)) for part in PARTS})
            self.write_sides(draft, sides)
            draft.facts.update((part, parts[part].num_rows) for part in PARTS)
