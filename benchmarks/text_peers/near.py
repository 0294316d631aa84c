"""What the near-duplicate peers share: the words that they compare, and the step from similar pairs to kept documents.

Every peer reads the same Parquet files and writes the documents that it keeps.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SHINGLE, BANDS, ROWS = 5, 14, 8  # words; of datatrove's own settings, 112 functions
FUNCTIONS = BANDS * ROWS
_WORD = re.compile(r"\w+")


def shingles(text: str) -> list[str]:
    """The runs of five words, case and punctuation apart."""
    words = _WORD.findall(text.lower())
    return list(map(" ".join, zip(*(words[place:] for place in range(SHINGLE)), strict=False))) or [" ".join(words)]


class Components:
    """Which documents belong together; of each component the first is kept."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def root(self, place: int) -> int:
        """The first document of the component."""
        parent = self.parent
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    def join(self, left: int, right: int) -> None:
        """They are one."""
        first, second = self.root(left), self.root(right)
        self.parent[max(first, second)] = min(first, second)

    def kept(self) -> np.ndarray:
        """Whether each document is the first of its component."""
        return np.array([parent == place for place, parent in enumerate(self.parent)])


def joined_bands(signatures: np.ndarray) -> Components:
    """Components of documents whose signatures [documents, FUNCTIONS] agree in a whole band."""
    found = Components(len(signatures))
    for band in range(BANDS):
        keys = np.ascontiguousarray(signatures[:, band * ROWS : (band + 1) * ROWS])
        keys = keys.view(f"V{keys.dtype.itemsize * ROWS}").ravel()
        order = np.argsort(keys, kind="stable")
        for place in np.flatnonzero(keys[order[1:]] == keys[order[:-1]]):
            found.join(int(order[place]), int(order[place + 1]))
    return found


def write(target: Path, documents: Iterable[pa.Table], kept: np.ndarray) -> None:
    """The kept documents, file by file; `documents` in the order of the flags."""
    with pq.ParquetWriter(target / "kept.parquet", pa.schema({"id": pa.string(), "text": pa.string()}), compression="zstd") as writer:
        start = 0
        for table in documents:
            writer.write_table(table.filter(pa.array(kept[start : start + table.num_rows])).cast(writer.schema))
            start += table.num_rows
