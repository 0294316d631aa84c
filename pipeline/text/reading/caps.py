"""Read sources up to their caps: no further than needed, and cut at the same document for any number of workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact.tables import read_table
from pipeline.core.shards import Counts, Piece, RunShards, Work
from pipeline.text.reading.metadata import metadata_counts
from pipeline.text.reading.sources import ReadTask, Source


@dataclass(frozen=True)
class CappedRead:
    """What was read of all sources, and what of it is kept."""

    read: Work  # every piece, in the order of sources and files
    kept: Work  # without empty pieces and documents beyond the caps
    capped: Mapping[str, int]  # documents read beyond the cap, by source
    unread: Mapping[str, int]  # bytes, as stored, that the cap left unread, by source


def read_all(
    sources: Sequence[Source], plans: Sequence[Sequence[ReadTask]], read: Callable[[ReadTask], Any], run_shards: RunShards
) -> CappedRead:
    """Read the tasks of all sources; those of a capped source in rounds that double, until the cap is reached."""
    pieces: dict[str, list[tuple[Path, Counts]]] = {source.name: [] for source in sources}
    done = dict.fromkeys(pieces, 0)
    turn = 0
    while wave := [
        task
        for source, plan in zip(sources, plans, strict=True)
        for task in _next(source, plan, done[source.name], sum(counts["bytes"] for _, counts in pieces[source.name]))
    ]:
        work = run_shards(f"read-{turn}", read, wave)
        for path, counts in zip(work.pieces, work.counts, strict=True):
            pieces[next(iter(counts["sources"]))].append((path, counts))
        for task in wave:
            done[task.source.name] += 1
        turn += 1
    kept, capped = _keep(sources, pieces, run_shards)
    read_pieces = [piece for source in sources for piece in pieces[source.name]]
    unread = {source.name: sum(task.size for task in plan[done[source.name] :]) for source, plan in zip(sources, plans, strict=True)}
    return CappedRead(_work(read_pieces), _work([piece for piece in kept if piece[1]["documents"]]), capped, unread)


def keep_first(cut: tuple[Path, int]) -> Iterator[Piece]:
    """Only the first documents of a piece."""
    folder, count = cut
    documents = read_table(folder / "documents.parquet").slice(0, count)
    name = documents["source"][0].as_py() if count else ""
    own: dict[str, Any] = {"documents": count, "bytes": sum(_sizes(folder)[:count]), "grouped": count - documents["group"].null_count}
    own |= {"metadata": found} if (found := metadata_counts(documents)) else {}
    yield Piece({"documents": documents}, {"documents": count, "bytes": own["bytes"], "sources": {name: own} if count else {}})


def _next(source: Source, plan: Sequence[ReadTask], done: int, size: int) -> Sequence[ReadTask]:
    """The tasks of the next round, given that the first `done` yielded `size` bytes of text."""
    if source.cap_bytes is None:
        return plan[done:]
    if size >= source.cap_bytes:
        return []
    if done:
        return plan[done : 2 * done]
    count, stored = 0, 0
    while count < len(plan) and stored < source.cap_bytes:
        count, stored = count + 1, stored + max(1, plan[count].size)
    return plan[:count]


def _keep(
    sources: Sequence[Source], pieces: Mapping[str, list[tuple[Path, Counts]]], run_shards: RunShards
) -> tuple[list[tuple[Path, Counts]], dict[str, int]]:
    """The pieces of each source up to its cap, the last of them cut, and the number of documents left out."""
    kept: list[tuple[Path, Counts]] = []
    cuts: list[tuple[int, tuple[Path, int]]] = []  # place in kept
    capped = {}
    for source in sources:
        room, left = source.cap_bytes, 0
        for path, counts in pieces[source.name]:
            if room is None or counts["bytes"] <= room:
                kept.append((path, counts))
                room = None if room is None else room - counts["bytes"]
                continue
            count = _fitting(_sizes(path), room) if room else 0
            if count:
                cuts.append((len(kept), (path, count)))
                kept.append((path, counts))
            left, room = left + counts["documents"] - count, 0
        capped[source.name] = left
    if cuts:
        work = run_shards("cap", keep_first, [cut for _, cut in cuts])
        for (place, _), path, counts in zip(cuts, work.pieces, work.counts, strict=True):
            kept[place] = (path, counts)
    return kept, capped


def _fitting(sizes: Sequence[int], room: int) -> int:
    """How many of the first documents fit."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > room:
            return count
    return len(sizes)


def _sizes(folder: Path) -> list[int]:
    """Bytes of each document."""
    texts = read_table(folder / "documents.parquet", ["text"])["text"]
    return [len(text.as_buffer()) if text.as_buffer() else 0 for text in texts]


def _work(pieces: Sequence[tuple[Path, Counts]]) -> Work:
    return Work(tuple(path for path, _ in pieces), tuple(counts for _, counts in pieces))
