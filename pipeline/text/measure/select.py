"""Keep the documents that break no rule and, if a score was trained, score high enough. Shards are filtered independently."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.metadata import carried, with_metadata
from pipeline.core.artifact.tables import Shard, conform, tally
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.shards import Piece, RunShards, Work
from pipeline.text.measure.histograms import histograms
from pipeline.text.measure.metadata_rules import lists_of
from pipeline.text.measure.quality import Rule, check_rules, first_broken
from pipeline.text.measure.score import QualityModel, features, scores
from pipeline.text.measure.url_lists import UrlLists, read_url_lists

DROPPED = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("origin", pa.string()),
        ("reason", pa.string()),  # name of the first broken rule, or SCORE
        ("value", pa.float64()),  # of the rule's statistic; null for a rule on metadata, which stands in its own column
        ("text", pa.string()),
    ]
)  # and those of METADATA that the corpus carries
SCORES = pa.schema([("id", pa.string()), ("score", pa.float64())])  # of each document that breaks no rule
SCORE = "score"


@dataclass(frozen=True)
class QualityFilter:
    """The rules, then the score, if there is one."""

    rules: tuple[Rule, ...]
    model: QualityModel | None
    min_score: float | None  # 0..1
    url_lists: Path  # folder of the lists that rules name


def select(source: Corpus, quality_filter: QualityFilter, run_shards: RunShards) -> Work:
    """Each shard's documents, dropped (DROPPED), histograms and, with a model, scores (SCORES).

    Raises PipelineError if nothing is kept or a rule names what is not known.
    """
    check_rules(quality_filter.rules, [*statistics_of(source.shards[0]).column_names, *source.shards[0].columns("documents")])
    if quality_filter.min_score is not None and not (quality_filter.model is not None and 0 <= quality_filter.min_score <= 1):
        raise PipelineError(
            f"select.min_score={quality_filter.min_score} is invalid: "
            + ("there are too few examples for a score" if quality_filter.model is None else "it is not a probability"),
            mend="select.min_score=null, or examples in the folder select.examples",
        )
    lists = read_url_lists(quality_filter.url_lists, lists_of(quality_filter.rules), run_shards)
    work = run_shards("select", partial(select_shard, quality_filter=quality_filter, lists=lists), source.shards)
    if not work.total["documents"]:
        dropped = work.total["dropped"]
        worst = max(dropped, key=lambda reason: dropped[reason], default="none")
        raise PipelineError(
            f"all {sum(dropped.values())} documents are dropped, most of them ({dropped.get(worst, 0)}) as {worst}",
            mend="select=none, which keeps all; or milder select.rules",
        )
    return work


def select_shard(shard: Shard, *, quality_filter: QualityFilter, lists: UrlLists) -> Iterator[Piece]:
    """Filter one shard."""
    documents, statistics = shard.table("documents"), statistics_of(shard)
    if documents["id"] != statistics["id"]:
        raise ArtifactError(
            f"{shard.path('statistics')} does not match the documents of {shard.path('documents')}", mend=".venv/bin/dvc repro clean"
        )
    known = pa.table(
        {
            **dict(zip(statistics.column_names, statistics.columns, strict=True)),
            **{name: documents[name] for name in carried(documents.column_names)},
        }
    )
    reasons, values = first_broken(known, quality_filter.rules, lists)
    tables: dict[str, pa.Table] = {}
    if quality_filter.model is not None:
        scored = pa.array(scores(quality_filter.model, features(documents["text"], statistics)))
        tables["scores"] = pa.table([documents["id"], scored], schema=SCORES).filter(pc.is_null(reasons))
        if quality_filter.min_score is not None:
            low = pc.and_(pc.is_null(reasons), pc.less(scored, quality_filter.min_score))
            reasons, values = pc.if_else(low, SCORE, reasons), pc.if_else(low, scored, values)
    good = pc.is_null(reasons)
    kept = documents.filter(good)
    dropped = conform(
        documents.append_column("reason", reasons).append_column("value", values).filter(pc.invert(good)),
        with_metadata(DROPPED, documents.column_names),
    )
    tables |= {"documents": kept, "dropped": dropped, "histograms": histograms(statistics, np.asarray(good))}
    yield Piece(tables, counts(kept, dropped))


def counts(kept: pa.Table, dropped: pa.Table) -> dict[str, Any]:
    """Documents and bytes kept, and documents dropped by reason; also by source."""
    sources = pa.chunked_array([*kept["source"].chunks, *dropped["source"].chunks], pa.string())
    return {
        "documents": kept.num_rows,
        "bytes": _bytes(kept),
        "dropped": tally(dropped["reason"]),
        "sources": {name: _of_source(name, kept, dropped) for name in sorted(pc.unique(sources).to_pylist())},
    }


def statistics_of(shard: Shard) -> pa.Table:
    """The statistics of a shard. Raises ArtifactError if there are none."""
    if not shard.path("statistics").is_file():
        raise ArtifactError(f"{shard.folder} has no statistics", mend=".venv/bin/dvc repro clean")
    return shard.table("statistics")


def _of_source(name: str, kept: pa.Table, dropped: pa.Table) -> dict[str, Any]:
    mine, lost = kept.filter(pc.equal(kept["source"], name)), dropped.filter(pc.equal(dropped["source"], name))
    return {"documents": mine.num_rows, "bytes": _bytes(mine), "dropped": tally(lost["reason"])}


def _bytes(documents: pa.Table) -> int:
    return pc.sum(pc.binary_length(documents["text"])).as_py() or 0
