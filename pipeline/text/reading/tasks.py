"""Plan the reading: small files are batched, large ones split into ranges, each task about as large as a shard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.shards import Piece, RunShards, Work
from pipeline.text.reading.csv_rows import count_odd_quote_lines
from pipeline.text.reading.lines import newlines
from pipeline.text.reading.rows import COMPRESSED, open_raw
from pipeline.text.reading.sources import HUB, File, FileRange, ReadLimits, ReadTask, Source
from pipeline.text.reading.table_rows import hub_shards

_SURVEYED = ("jsonl", "csv")  # newlines are counted first, so that each range knows its first row number
_RANGED = (*_SURVEYED, "parquet")


def plan_tasks(
    sources: Sequence[Source], found: Sequence[Sequence[File]], limits: ReadLimits, run_shards: RunShards
) -> list[list[ReadTask]]:
    """The tasks of each source, in file order. Uncompressed .jsonl, .csv and .parquet files larger than a shard are split into ranges.

    A .csv file whose rows may span several lines is one task.
    """
    large = [file for files in found for file in files if _ranged(file) and file.size > limits.shard_bytes]
    ranges = {file.address: _ranges(file, limits.shard_bytes) for file in large}
    counted = [part for file in large if file.kind in _SURVEYED for part in ranges[file.address]]
    if counted:
        work = run_shards("survey", _Survey(limits.max_document_bytes), counted)
        ranges |= _numbered(counted, work)
    parts = [
        hub_shards(source)
        if source.path.startswith(HUB)
        else [part for file in files for part in ranges.get(file.address, [_entire(file)])]
        for source, files in zip(sources, found, strict=True)
    ]
    return [[ReadTask(source, batch) for batch in _batches(some, limits.shard_bytes)] for source, some in zip(sources, parts, strict=True)]


class _Survey:
    """Counts the newlines of a range, and for .csv the lines with an odd number of quotes."""

    def __init__(self, max_document_bytes: int) -> None:
        self._max_bytes = max_document_bytes

    def __call__(self, part: FileRange) -> Iterator[Piece]:
        with open_raw(part.file.address) as file:
            count = newlines(file, part.start, part.start + part.size)
        yield Piece({}, {"newlines": count, "odd": count_odd_quote_lines(part, self._max_bytes) if part.file.kind == "csv" else 0})


def _ranged(file: File) -> bool:
    return file.kind in _RANGED and Path(file.address).suffix.lower() not in COMPRESSED


def _entire(file: File) -> FileRange:
    return FileRange(file, 0, None, 0)


def _ranges(file: File, shard_bytes: int) -> list[FileRange]:
    return [FileRange(file, start, min(start + shard_bytes, file.size), 0) for start in range(0, file.size, shard_bytes)]


def _numbered(parts: Sequence[FileRange], work: Work) -> dict[str, list[FileRange]]:
    """The ranges of each file, with the number of lines before each."""
    ranges: dict[str, list[FileRange]] = {}
    before: dict[str, int] = {}
    odd: set[str] = set()
    for part, counts in zip(parts, work.counts, strict=True):
        address = part.file.address
        ranges.setdefault(address, []).append(FileRange(part.file, part.start, part.end, before.get(address, 0)))
        before[address] = before.get(address, 0) + counts["newlines"]
        odd |= {address} if counts["odd"] else set()
    return {address: [_entire(some[0].file)] if address in odd else some for address, some in ranges.items()}


def _batches(parts: Sequence[FileRange], shard_bytes: int) -> Iterator[tuple[FileRange, ...]]:
    """Batch neighbours up to the size of a shard. A shard of a hub data set is a task of its own: its size is unknown."""
    batch: list[FileRange] = []
    size = 0
    for part in parts:
        if batch and (size + part.size > shard_bytes or part.file.kind == "hub"):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(part)
        size += part.size
    if batch:
        yield tuple(batch)
