"""Small corpora in shards, and the way from them to the parts, for tests of the split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.metadata import with_metadata
from pipeline.core.artifact.tables import write_table
from pipeline.core.hold_out import HoldOut
from pipeline.core.shards import Work, map_shards
from pipeline.text.splitting.assignment import AssignedShard, assign_parts
from pipeline.text.splitting.decontamination import OverlapPolicies, Policy, check, count_overlaps
from pipeline.text.splitting.held_out_index import OverlapConfig, held_out_ngrams, write_index
from pipeline.text.splitting.parts import split_metrics, split_shard

OVERLAP = OverlapConfig(ngram=13, short_ngram=8, min_words=4)
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"
CLUSTERS = pa.schema([("id", pa.string()), ("cluster", pa.string())])
CODES = {"train": 0, "val": 1, "test": 2}


def plain_map(function, items):
    return [function(item) for item in items]


def document(identity: str, text: str = "x", **more: Any) -> dict[str, Any]:
    return {"id": identity, "source": "s", "origin": "o", "group": None, "text": text, "bits": None} | more


def corpus(path: Path, rows: Sequence[Mapping[str, Any]], *, shards: int = 1, cluster: Mapping[str, str | None] | None = None) -> Corpus:
    """Documents; and clusters, in which each is alone where `cluster` {id: cluster} doesn't say otherwise; None: it is in none."""
    schema = with_metadata(DOCUMENTS, rows[0] if rows else ())
    tables = [pa.Table.from_pylist(list(rows[turn::shards]), schema=schema) for turn in range(shards)]
    given = {row["id"]: row["id"] for row in rows} | dict(cluster or {})
    clusters = [(identity, name) for identity, name in given.items() if name is not None]
    with (made := Corpus(path)).writing() as draft:
        (draft.path / "documents").mkdir()
        (draft.path / "clusters").mkdir()
        for turn, table in enumerate(tables):
            write_table(table, draft.path / f"documents/{turn:05d}.parquet")
            own = [dict(zip(("id", "cluster"), pair, strict=True)) for pair in clusters[turn::shards]]
            write_table(pa.Table.from_pylist(own, schema=CLUSTERS), draft.path / f"clusters/{turn:05d}.parquet")
        draft.facts |= {"shards": shards, "documents": len(rows)}
    return made


def parts_of(made: Corpus, *, seed: int = 1, val: float = 0.1, test: float = 0.1, whole: Corpus | None = None) -> dict[str, int]:
    """The part of each document by its id, from its shard; the groups are those of the whole corpus."""
    assigned, _ = assign_parts(made, whole or made, HoldOut(val=val, test=test, seed=seed))
    ids = [(one, one.shard.table("documents", ["id"])["id"].to_pylist()) for one in assigned]
    return {identity: code for one, names in ids for identity, code in zip(names, one.parts.tolist(), strict=True)}


@dataclass(frozen=True)
class Done:
    """What was written, and what was told of it."""

    work: Work
    told: dict[str, Any]

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.work.table(name).to_pylist()

    def texts(self, part: str) -> dict[str, str]:
        return {row["id"]: row["text"] for row in self.rows(part)}

    @property
    def cut(self) -> list[tuple[str, int | None, str]]:
        return [(row["id"], row["paragraph"], row["against"]) for row in self.rows("cut")]


def written(
    folder: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]], *, items: Mapping[str, Sequence[str]] | None = None, **settings: Any
) -> Done:
    """The whole way, from documents by their part."""
    given = [(CODES[part], row) for part, some in rows.items() for row in some]
    shards: int = settings.get("shards", 1)
    made = corpus(folder / "dedup", [row for _, row in given], shards=shards)
    assigned = [
        AssignedShard(shard, np.array([code for code, _ in given][turn::shards], np.int8)) for turn, shard in enumerate(made.shards)
    ]
    ranges = settings.get("ranges", 1)
    runs = map_shards(partial(held_out_ngrams, ngram=13, ranges=ranges), assigned, folder=folder / "held", run_map=plain_map)
    index = write_index(folder / "table", runs, items or {}, overlap=OVERLAP, ranges=ranges)
    policy: Policy = settings.get("policy", "cut")
    sources = settings.get("sources", {})
    how = partial(
        split_shard,
        index=index,
        policies=OverlapPolicies(held_out=policy, dialogues=policy, benchmarks=policy),
        max_characters=settings.get("max_characters", 1000),
        weights={name: facts["weight"] for name, facts in sources.items()},
        seed=1,
    )
    work = map_shards(how, assigned, folder=folder / "parts", run_map=plain_map)
    left = map_shards(partial(count_overlaps, index=index), work.paths("train"), folder=folder / "recount", run_map=plain_map).total
    check(work.total, left)
    return Done(work, split_metrics(work, index, left, sources, "hash"))
