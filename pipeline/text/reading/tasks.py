"""Plan the reading: small files are batched, large ones split into ranges, each task about as large as a shard."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from pipeline.core.shards import Counts, Piece, RunShards, Work
from pipeline.text.reading.csv_rows import count_odd_quote_lines
from pipeline.text.reading.lines import newlines
from pipeline.text.reading.marks import Separator, separator_of
from pipeline.text.reading.plain import HEAD, can_be_read_anywhere
from pipeline.text.reading.rows import COMPRESSED, open_raw
from pipeline.text.reading.separated import count_separators
from pipeline.text.reading.sources import HUB, File, FileRange, ReadLimits, ReadTask, Source
from pipeline.text.reading.table_rows import hub_shards

_SURVEYED = ("jsonl", "csv", "txt")  # newlines or separators are counted first, so that each range knows its first row number
_RANGED = (*_SURVEYED, "parquet")


def plan_tasks(
    sources: Sequence[Source], found: Sequence[Sequence[File]], limits: ReadLimits, run_shards: RunShards
) -> list[list[ReadTask]]:
    """The tasks of each source, in file order. Uncompressed .jsonl, .csv and .parquet files larger than a shard are split into ranges,
    and so are .txt files with separators, and long ones that are cut into chunks.

    A .csv file whose rows may span several lines is one task.
    """
    large = [
        (file, source)
        for source, files in zip(sources, found, strict=True)
        for file in files
        if file.kind in _RANGED and file.size > limits.shard_bytes and Path(file.address).suffix.lower() not in COMPRESSED
    ]
    separators = {file.address: separator_of(source.separator, source.encoding) for file, source in large if file.kind == "txt"}
    ranges = {
        file.address: _ranges(file, separators.get(file.address), limits.shard_bytes)
        for file, _ in large
        if file.kind != "txt" or ((separator := separators[file.address]) is not None and separator.can_be_cut)
    }
    if counted := [part for parts in ranges.values() for part in parts if part.file.kind in _SURVEYED]:
        work = run_shards("survey", _Survey(limits.max_document_bytes), counted)
        ranges |= _numbered(counted, work)
    ranges |= {
        file.address: _chunked(file, limits)
        for file, source in large
        if file.kind == "txt"
        and (separators[file.address] is None or ranges.get(file.address) == [_entire(file)])
        and _is_long_text(file, source, limits)
    }
    parts = [
        hub_shards(source)
        if source.path.startswith(HUB)
        else [part for file in files for part in ranges.get(file.address, [_entire(file)])]
        for source, files in zip(sources, found, strict=True)
    ]
    return [[ReadTask(source, batch) for batch in _batches(some, limits.shard_bytes)] for source, some in zip(sources, parts, strict=True)]


class _Survey:
    """Counts the newlines of a range, and for .csv the lines with an odd number of quotes; or its separators."""

    def __init__(self, max_document_bytes: int) -> None:
        self._max_bytes = max_document_bytes

    def __call__(self, part: FileRange) -> Iterator[Piece]:
        with open_raw(part.file.address) as file:
            if part.separator is not None:
                yield Piece({}, {"separators": dict(count_separators(file, part.separator, part.start, part.end))})
                return
            count = newlines(file, part.start, part.start + part.size)
        yield Piece({}, {"newlines": count, "odd": count_odd_quote_lines(part, self._max_bytes) if part.file.kind == "csv" else 0})


def _is_long_text(file: File, source: Source, limits: ReadLimits) -> bool:
    """Whether the file is longer than a document may be, and cut into chunks that can be found from any place."""
    if limits.policy.too_long != "cut" or file.size <= limits.max_document_bytes:
        return False
    with open_raw(file.address) as opened:
        return can_be_read_anywhere(opened.read(HEAD), source)


def _entire(file: File) -> FileRange:
    return FileRange(file, 0, None, 0)


def _ranges(file: File, separator: Separator | None, shard_bytes: int) -> list[FileRange]:
    return [FileRange(file, start, min(start + shard_bytes, file.size), 0, separator) for start in range(0, file.size, shard_bytes)]


def _chunked(file: File, limits: ReadLimits) -> list[FileRange]:
    """Ranges whose chunks fit into a shard, if it has room for several."""
    room = limits.shard_bytes - limits.max_chunk_bytes
    size = room if room >= limits.max_chunk_bytes else limits.shard_bytes
    return [replace(part, chunked=True) for part in _ranges(file, None, size)]


def _numbered(parts: Sequence[FileRange], work: Work) -> dict[str, list[FileRange]]:
    """The ranges of each file, with the number of lines or separators before each; a file that can't be cut is one range."""
    files: dict[str, list[tuple[FileRange, Counts]]] = {}
    for part, counts in zip(parts, work.counts, strict=True):
        files.setdefault(part.file.address, []).append((part, counts))
    return {address: _cut(some) for address, some in files.items()}


def _cut(parts: Sequence[tuple[FileRange, Counts]]) -> list[FileRange]:
    first, separator = parts[0][0], parts[0][0].separator
    names = sum((Counter(counts.get("separators", {})) for _, counts in parts), Counter[str]())
    separator = separator.only(names) if separator else None
    if (first.separator and not separator) or any(counts.get("odd") for _, counts in parts):
        return [_entire(first.file)]
    sizes = [sum(counts["separators"].get(name, 0) for name in separator.names) if separator else counts["newlines"] for _, counts in parts]
    before = accumulate(sizes, initial=0)
    return [replace(part, line=line, separator=separator) for (part, _), line in zip(parts, before, strict=False)]


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
