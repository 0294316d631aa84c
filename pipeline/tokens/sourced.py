"""Encoded documents by where they come from.

documents D
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.metadata import UNKNOWN
from pipeline.core.artifact.split import Part, Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import ArtifactError
from pipeline.core.seed import stream
from pipeline.tokens.pack import Packing, lay
from pipeline.tokens.rows import Rows, open_rows

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sourced:
    """The rows of a part, and the source of each of its documents."""

    rows: Rows
    names: list[str]
    of_document: npt.NDArray[np.int64]  # [D], a place in names

    @classmethod
    def of(cls, split: Split, tokens: Tokens, part: Part, digest: str, *, by: str = "source") -> "Sourced":
        """`digest` is that of the tokenizer, `by` the column of the split that tells where a document comes from.

        ArtifactError where split and tokens are not of one run.
        """
        rows = open_rows(tokens, part, tokenizer_digest=digest)
        column = split.read(part, [by])[by].fill_null(UNKNOWN).combine_chunks().dictionary_encode()
        if len(column) != rows.facts["documents"]:
            message = f"{tokens.path} has {rows.facts['documents']} documents of {part}, {split.path} has {len(column)}"
            raise ArtifactError(message, mend=f".venv/bin/dvc repro {tokens.path.name}")
        return cls(rows, column.dictionary.to_pylist(), column.indices.to_numpy(zero_copy_only=False).astype(np.int64))

    def tokens(self, source: str) -> int:
        """How many tokens the documents of a source have."""
        return int(self.rows.sizes[self.documents(source)].sum())

    def some(self, source: str, *, most: int, seed: int) -> dict[int, Ids]:
        """Documents of a source by their numbers, BOS in front: all, or so many by lot. One without text has no tokens."""
        numbers = self.documents(source)
        lots = stream(seed, "sources", source).permutation(len(numbers))[:most]
        return {int(number): self.rows.document(int(number)) for number in np.sort(numbers[lots])}

    def documents(self, source: str) -> Ids:
        """The numbers of the documents of a source that have text."""
        place = self.names.index(source) if source in self.names else -1
        return np.flatnonzero((self.of_document == place) & (self.rows.sizes > 0))

    def laid(self, sources: Sequence[str]) -> Rows:
        """Rows of the same length, laid of the documents of these sources alone."""
        mine = np.isin(self.of_document, [place for place, name in enumerate(self.names) if name in sources])
        packing: Packing = self.rows.facts.get("packing", "best_fit")
        shards, first = [], 0
        for stream_, _ in self.rows.shards:
            last = first + len(stream_.starts) - 1
            shards.append((stream_, lay(stream_.starts, row=self.rows.length, packing=packing, kept=mine[first:last])))
            first = last
        return Rows(self.rows.length, shards, self.rows.facts)
