"""Read every source into shards of documents."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.shards import RunShards, Work
from pipeline.text.reading.caps import read_all
from pipeline.text.reading.find import check_apart, find
from pipeline.text.reading.items import items_of
from pipeline.text.reading.outcome import check_outcome, described, measured, measured_of_made, write_quarantine
from pipeline.text.reading.pieces import read_item, table_piece
from pipeline.text.reading.sources import Bounds, Source, check_sources


@dataclass(frozen=True)
class Reading:
    """Shards with the table `documents`, and what is told beside them."""

    work: Work
    quarantine: Path | str  # quarantine.jsonl, or its content
    sources: dict[str, Any]  # sources.json
    metrics: dict[str, Any]


def read_sources(sources: Sequence[Source], base: Path, bounds: Bounds, *, run_shards: RunShards, scratch: Path) -> Reading:
    """The documents of all sources, in the order of the sources, of their files' names and of the rows.

    Local paths are relative to `base`. `run_shards(phase, function, items)` does the work; `scratch` takes the quarantine.
    Raises InputError when a source can't be found or read, gives nothing, or too much of it is bad.
    """
    check_sources(sources, bounds)
    found, ignored = zip(*(find(source, base) for source in sources), strict=True)
    check_apart(found, [source.name for source in sources])
    taken = read_all(sources, items_of(sources, found, bounds, run_shards), partial(read_item, bounds=bounds), run_shards)
    check_outcome(sources, found, taken, bounds.max_bad_fraction)
    return Reading(
        work=taken.kept,
        quarantine=write_quarantine(taken.read, scratch / "quarantine.jsonl"),
        sources=described(sources, taken.kept),
        metrics=measured(sources, taken, sum(ignored, Counter())),
    )


def made(documents: pa.Table, source: Source, *, shard: int, run_shards: RunShards) -> Reading:
    """Documents that were made, all of one source, as shards of at most `shard` bytes of text; a longer document alone."""
    begins, size = [0], 0
    for row, length in enumerate(pc.binary_length(documents["text"]).to_pylist()):
        if size and size + length > shard:
            begins.append(row)
            size = 0
        size += length
    ends = [*begins[1:], documents.num_rows]
    work = run_shards("made", table_piece, [documents.take(pa.array(range(*between))) for between in zip(begins, ends, strict=True)])
    return Reading(work, "", described([source], work), measured_of_made(work))
