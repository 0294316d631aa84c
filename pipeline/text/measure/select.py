"""Keep the documents that break no rule; where examples teach a score, those that score well enough.

A shard is judged by itself; only the examples of the score are gathered from all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import Shard, tally
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.shards import Piece, RunShards, Work
from pipeline.text.measure.histograms import histograms
from pipeline.text.measure.quality import Rule, check_rules, first_broken
from pipeline.text.measure.score import Model, features, scores

DROPPED = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("origin", pa.string()),
        ("reason", pa.string()),  # the name of the first rule that it broke, or SCORE
        ("value", pa.float64()),  # of the rule's statistic
        ("text", pa.string()),
    ]
)
SCORES = pa.schema([("id", pa.string()), ("score", pa.float64())])  # of each document that breaks no rule
SCORE = "score"


@dataclass(frozen=True)
class Judge:
    """What decides about a document: the rules, then the score, where there is one."""

    rules: tuple[Rule, ...]
    model: Model | None
    least: float | None  # score, 0..1


def select(source: Corpus, judge: Judge, run_shards: RunShards) -> Work:
    """Each shard's documents, dropped (DROPPED), histograms and, with a model, scores (SCORES).

    Raises PipelineError when nothing is kept or a rule asks for what was not measured.
    """
    check_rules(judge.rules, statistics_of(source.shards[0]).column_names)
    if judge.least is not None and not (judge.model is not None and 0 <= judge.least <= 1):
        raise PipelineError(
            f"select.least_score={judge.least} can't judge: "
            + ("there are too few examples for a score" if judge.model is None else "it is no probability"),
            mend="add examples to the folder select.examples, or select.least_score=null",
        )
    work = run_shards("select", partial(select_shard, judge=judge), source.shards)
    if not work.total["documents"]:
        dropped = work.total["dropped"]
        worst = max(dropped, key=lambda reason: dropped[reason], default="none")
        raise PipelineError(
            f"no document is kept of {sum(dropped.values())}; the most, {dropped.get(worst, 0)}, are dropped as {worst}",
            mend="see select.rules: select=none keeps all",
        )
    return work


def select_shard(shard: Shard, *, judge: Judge) -> Iterator[Piece]:
    """The documents of one shard, kept or dropped."""
    documents, statistics = shard.table("documents"), statistics_of(shard)
    if documents["id"] != statistics["id"]:
        raise ArtifactError(f"{shard.path('statistics')} is not about the documents of {shard.path('documents')}", mend="dvc repro clean")
    reasons, values = first_broken(statistics, judge.rules)
    tables: dict[str, pa.Table] = {}
    if judge.model is not None:
        told = pa.array(scores(judge.model, features(documents["text"], statistics)))
        tables["scores"] = pa.table([documents["id"], told], schema=SCORES).filter(pc.is_null(reasons))
        if judge.least is not None:
            low = pc.and_(pc.is_null(reasons), pc.less(told, judge.least))
            reasons, values = pc.if_else(low, SCORE, reasons), pc.if_else(low, told, values)
    good = pc.is_null(reasons)
    kept = documents.filter(good)
    dropped = documents.append_column("reason", reasons).append_column("value", values).filter(pc.invert(good)).select(DROPPED.names)
    tables |= {"documents": kept, "dropped": dropped.cast(DROPPED), "histograms": histograms(statistics, np.asarray(good))}
    yield Piece(tables, counts(kept, dropped))


def counts(kept: pa.Table, dropped: pa.Table) -> dict[str, Any]:
    """How many documents and bytes are kept and dropped: by reason, and by source."""
    sources = pa.chunked_array([*kept["source"].chunks, *dropped["source"].chunks], pa.string())
    return {
        "documents": kept.num_rows,
        "bytes": _bytes(kept),
        "dropped": tally(dropped["reason"]),
        "sources": {name: _of_source(name, kept, dropped) for name in sorted(pc.unique(sources).to_pylist())},
    }


def statistics_of(shard: Shard) -> pa.Table:
    """The statistics of a shard's documents. Raises ArtifactError where none were measured."""
    if not shard.path("statistics").is_file():
        raise ArtifactError(f"{shard.folder} carries no statistics", mend="dvc repro clean")
    return shard.table("statistics")


def _of_source(name: str, kept: pa.Table, dropped: pa.Table) -> dict[str, Any]:
    mine, lost = kept.filter(pc.equal(kept["source"], name)), dropped.filter(pc.equal(dropped["source"], name))
    return {"documents": mine.num_rows, "bytes": _bytes(mine), "dropped": tally(lost["reason"])}


def _bytes(documents: pa.Table) -> int:
    return pc.sum(pc.binary_length(documents["text"])).as_py() or 0
