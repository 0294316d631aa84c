"""Small corpora in shards, and the way from them to the parts, for tests of the split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS, Corpus
from pipeline.core.artifact.tables import conform, write_table
from pipeline.core.shards import Work, map_shards
from pipeline.text.parting.decontaminate import Policies, Policy, check, recount
from pipeline.text.parting.held import Lengths, held_runs, write_held
from pipeline.text.parting.parts import told, write_parts
from pipeline.text.parting.split import Dealt, deal

LENGTHS = Lengths(ngram=13, short=8, least=4)
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen"
CLUSTERS = pa.schema([("id", pa.string()), ("cluster", pa.string())])
CODES = {"train": 0, "val": 1, "test": 2}


def plain_map(function, items):
    return [function(item) for item in items]


def document(identity: str, text: str = "x", **more: Any) -> dict[str, Any]:
    return {"id": identity, "source": "s", "origin": "o", "group": None, "text": text, "bits": None} | more


def corpus(path: Path, rows: Sequence[Mapping[str, Any]], *, shards: int = 1, cluster: Mapping[str, str | None] | None = None) -> Corpus:
    """Documents; and clusters, in which each is alone where `cluster` {id: cluster} doesn't say otherwise; None: it is in none."""
    tables = [pa.Table.from_pylist(list(rows[turn::shards]), schema=DOCUMENTS) for turn in range(shards)]
    given = {row["id"]: row["id"] for row in rows} | dict(cluster or {})
    clusters = [(identity, name) for identity, name in given.items() if name is not None]
    with (made := Corpus(path)).writing() as draft:
        (draft.path / "documents").mkdir()
        (draft.path / "clusters").mkdir()
        for turn, table in enumerate(tables):
            write_table(conform(table, DOCUMENTS), draft.path / f"documents/{turn:05d}.parquet")
            own = [dict(zip(("id", "cluster"), pair, strict=True)) for pair in clusters[turn::shards]]
            write_table(pa.Table.from_pylist(own, schema=CLUSTERS), draft.path / f"clusters/{turn:05d}.parquet")
        draft.facts |= {"shards": shards, "documents": len(rows)}
    return made


def parts_of(made: Corpus, *, seed: int = 1, val: float = 0.1, test: float = 0.1, whole: Corpus | None = None) -> dict[str, int]:
    """The part of each document by its id, from its shard; the groups are those of the whole corpus."""
    dealt = deal(made, whole or made, val=val, test=test, seed=seed)
    ids = [(one, one.shard.table("documents", ["id"])["id"].to_pylist()) for one in dealt]
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
    dealt = [Dealt(shard, np.array([code for code, _ in given][turn::shards], np.int8)) for turn, shard in enumerate(made.shards)]
    ranges = settings.get("ranges", 1)
    runs = map_shards(partial(held_runs, ngram=13, ranges=ranges), dealt, folder=folder / "held", run_map=plain_map)
    held = write_held(folder / "table", runs, items or {}, lengths=LENGTHS, ranges=ranges)
    policy: Policy = settings.get("policy", "cut")
    sources = settings.get("sources", {})
    how = partial(
        write_parts,
        held=held,
        policies=Policies(parts=policy, dialogues=policy, benchmarks=policy),
        longest=settings.get("longest", 1000),
        weights={name: facts["weight"] for name, facts in sources.items()},
        seed=1,
    )
    work = map_shards(how, dealt, folder=folder / "parts", run_map=plain_map)
    left = map_shards(partial(recount, held=held), work.paths("train"), folder=folder / "recount", run_map=plain_map).total
    check(work.total, left)
    return Done(work, told(work, held, left, sources))
