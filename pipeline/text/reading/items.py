"""Files as pieces of work: small ones together, large ones in ranges, each about as large as a shard."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.shards import Piece, RunShards, Work
from pipeline.text.reading.csv_rows import odd_lines
from pipeline.text.reading.lines import newlines
from pipeline.text.reading.rows import PACKED, opened
from pipeline.text.reading.sources import HUB, Bounds, File, Item, Part, Source
from pipeline.text.reading.table_rows import hub_files

_SURVEYED = ("jsonl", "csv")  # whose rows are counted before, so that each range knows its first row's number
_RANGED = (*_SURVEYED, "parquet")


def items_of(sources: Sequence[Source], found: Sequence[Sequence[File]], bounds: Bounds, run_shards: RunShards) -> list[list[Item]]:
    """The items of each source, in the order of its files. Plain .jsonl, .csv and .parquet files larger than a shard are cut into ranges.

    A .csv file in which a row may go over several lines is one item.
    """
    large = [file for files in found for file in files if _ranged(file) and file.size > bounds.shard]
    ranges = {file.address: _ranges(file, bounds.shard) for file in large}
    counted = [part for file in large if file.kind in _SURVEYED for part in ranges[file.address]]
    if counted:
        work = run_shards("survey", _Survey(bounds.longest), counted)
        ranges |= _numbered(counted, work)
    parts = [
        hub_files(source) if source.path.startswith(HUB) else [part for file in files for part in ranges.get(file.address, [_entire(file)])]
        for source, files in zip(sources, found, strict=True)
    ]
    return [[Item(source, batch) for batch in _batches(some, bounds.shard)] for source, some in zip(sources, parts, strict=True)]


class _Survey:
    """Newlines of a range, and of .csv its lines with an odd number of quotes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def __call__(self, part: Part) -> Iterator[Piece]:
        with opened(part.file.address) as file:
            count = newlines(file, part.start, part.start + part.size)
        yield Piece({}, {"newlines": count, "odd": odd_lines(part, self._longest) if part.file.kind == "csv" else 0})


def _ranged(file: File) -> bool:
    return file.kind in _RANGED and Path(file.address).suffix.lower() not in PACKED


def _entire(file: File) -> Part:
    return Part(file, 0, None, 0)


def _ranges(file: File, shard: int) -> list[Part]:
    return [Part(file, start, min(start + shard, file.size), 0) for start in range(0, file.size, shard)]


def _numbered(parts: Sequence[Part], work: Work) -> dict[str, list[Part]]:
    """The ranges of each file, with the number of lines before each."""
    ranges: dict[str, list[Part]] = {}
    before: dict[str, int] = {}
    odd: set[str] = set()
    for part, counts in zip(parts, work.counts, strict=True):
        address = part.file.address
        ranges.setdefault(address, []).append(Part(part.file, part.start, part.end, before.get(address, 0)))
        before[address] = before.get(address, 0) + counts["newlines"]
        odd |= {address} if counts["odd"] else set()
    return {address: [_entire(some[0].file)] if address in odd else some for address, some in ranges.items()}


def _batches(parts: Sequence[Part], shard: int) -> Iterator[tuple[Part, ...]]:
    """Neighbours together as long as they are no larger than a shard. A shard of a hub data set stands alone: its size is not known."""
    batch: list[Part] = []
    size = 0
    for part in parts:
        if batch and (size + part.size > shard or part.file.kind == "hub"):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(part)
        size += part.size
    if batch:
        yield tuple(batch)
