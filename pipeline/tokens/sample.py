"""The documents of train that a vocabulary is learned from: all, or a sample that order and neighbours don't change."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.split import Split


@dataclass(frozen=True)
class Sample:
    """Texts of train; each iteration reads them anew."""

    source: Split
    limit: int | None  # documents whose number is higher stay out

    def __iter__(self) -> Iterator[str]:
        for texts in self.shards():
            yield from texts

    def shards(self) -> Iterator[list[str]]:
        """The texts, a shard at a time."""
        if self.limit is None:
            yield from self.source.texts("train")
            return
        for table in self.source.batches("train", ["id", "text"]):
            yield table.filter(pa.array(_numbers(table["id"]) <= np.uint64(self.limit)))["text"].to_pylist()


def sample_of(source: Split, most: int | None) -> tuple[Sample, int]:
    """The documents with the lowest numbers, until they hold `most` bytes or a document more (null: all), and the bytes of all of train.

    A document's number is a hash of its id.
    """
    sizes, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for table in source.batches("train", ["text"] if most is None else ["id", "text"]):
        sizes.append(pc.binary_length(table["text"]).to_numpy().astype(np.int64))
        if most is not None:
            numbers.append(_numbers(table["id"]))
    size = np.concatenate(sizes)
    if most is None or size.sum() <= most:
        return Sample(source, None), int(size.sum())
    number = np.concatenate(numbers)
    order = np.argsort(number)
    last = int(np.searchsorted(np.cumsum(size[order]), most))
    return Sample(source, int(number[order[last]])), int(size.sum())


def _numbers(ids: pa.ChunkedArray) -> np.typing.NDArray[np.uint64]:
    """A hash of each id."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids.to_pylist())
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
