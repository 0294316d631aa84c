"""Read every source into shards of documents."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.metadata import carried, with_metadata
from pipeline.core.artifact.tables import conform
from pipeline.core.errors import InputError
from pipeline.core.shards import Piece, RunShards, Work
from pipeline.text.canaries import SOURCE, Canaries, planted
from pipeline.text.reading.caps import read_all
from pipeline.text.reading.find import check_disjoint, find_source_files
from pipeline.text.reading.ignored import notices
from pipeline.text.reading.readers import read_task, table_piece
from pipeline.text.reading.results import check_result, generated_metrics, read_metrics, source_summary, write_quarantine
from pipeline.text.reading.sources import ReadLimits, Source, check_sources
from pipeline.text.reading.tasks import plan_tasks

QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True)
class ReadResult:
    """Shards with the table `documents`, and what is written beside them."""

    work: Work
    quarantine: Path | str  # quarantine.jsonl, or its content
    sources: dict[str, Any]  # sources.json
    metrics: dict[str, Any]

    @property
    def texts(self) -> dict[str, Path | str]:
        """The small files beside the shards, by name."""
        return {QUARANTINE: self.quarantine, "sources.json": json.dumps(self.sources, indent=1) + "\n"}


def read_sources(
    sources: Sequence[Source], base: Path, limits: ReadLimits, *, run_shards: RunShards, scratch: Path, tell: Callable[[str], None]
) -> ReadResult:
    """The documents of all sources, ordered by source, file name and row.

    Local paths are relative to `base`. `run_shards(phase, function, items)` does the work; the quarantine is written to `scratch`, also
    where this raises for what is in it. `tell` is told what a person may have expected to be read otherwise.
    Raises InputError if a source can't be found or read, yields nothing, or has too many bad rows.
    """
    check_sources(sources)
    skips = limits.policy.other_columns == "skip"
    found, ignored = zip(*(find_source_files(source, base, skips_others=skips) for source in sources), strict=True)
    check_disjoint(found, [source.name for source in sources])
    names = carried(set().union(*(source.carries for source in sources)))
    read = partial(read_task, limits=limits, carried=names)
    capped = read_all(sources, plan_tasks(sources, found, limits, run_shards), read, run_shards)
    quarantine = write_quarantine(capped.read, scratch / QUARANTINE)  # before anything is refused: it says what
    check_result(sources, found, capped, limits.max_bad_fraction)
    metrics = read_metrics(sources, capped, sum(ignored, Counter()))
    for notice in notices(metrics):
        tell(notice)
    return ReadResult(
        work=capped.kept,
        quarantine=quarantine,
        sources=source_summary(sources, capped.kept),
        metrics=metrics,
    )


def generated_corpus(
    documents: pa.Table, source: Source, counts: Mapping[str, Any], *, shard_bytes: int, run_shards: RunShards
) -> ReadResult:
    """Generated documents of one source, in shards of at most `shard_bytes` of text; a longer document alone.

    `counts` are what their maker tells for the metrics.
    """
    begins, size = [0], 0
    for row, length in enumerate(pc.binary_length(documents["text"]).to_pylist()):
        if size and size + length > shard_bytes:
            begins.append(row)
            size = 0
        size += length
    ends = [*begins[1:], documents.num_rows]
    work = run_shards("made", table_piece, [documents.take(pa.array(range(*between))) for between in zip(begins, ends, strict=True)])
    return ReadResult(work, "", source_summary([source], work), generated_metrics(work) | dict(counts))


def with_canaries(reading: ReadResult, settings: Canaries, seed: int, *, run_shards: RunShards) -> ReadResult:
    """What was read, and after it canaries, where any are planted: one more source, counted apart in the metrics."""
    documents = planted(settings, seed)
    if not documents.num_rows:
        return reading
    if SOURCE in reading.sources:
        raise InputError(f"a source has the name {SOURCE!r}, as the planted documents have", mend="corpus.sources: another name")
    columns = pq.read_schema(reading.work.paths("documents")[0]).names
    work = run_shards(SOURCE, _planted_piece, [conform(documents, with_metadata(DOCUMENTS, columns))])
    both = Work(reading.work.pieces + work.pieces, reading.work.counts + work.counts)
    counts = {"documents": work.total["documents"], "bytes": work.total["bytes"]}
    facts = {"weight": 1.0, "tags": [], "synthetic": True, "language": None, **counts}
    return replace(reading, work=both, sources={**reading.sources, SOURCE: facts}, metrics={**reading.metrics, SOURCE: counts})


def _planted_piece(documents: pa.Table) -> Iterator[Piece]:
    (plain,) = table_piece(documents)
    yield Piece({"documents": documents}, plain.counts)
