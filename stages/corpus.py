"""Read or generate the documents that everything else is made of.

reads   corpus.path  files of text, and what corpus.sources names, with reader=sources
writes  data/corpus  Corpus, with quarantine.jsonl and sources.json; of the world also truth.parquet and world.json
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.reading.read import Reading, made, read_sources
from pipeline.text.reading.sources import Bounds, Policy, Source
from pipeline.world.dials import World
from pipeline.world.library import generate
from stages._run import Metrics, Run, stage, typed


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "sources"]
    path: Path
    sources: tuple[dict[str, Any], ...]
    common: dict[str, Any]
    target: Corpus
    seed: int
    shard: int
    longest: int
    max_bad_fraction: float
    policy: Policy
    world: World


def from_world(cfg: Config, run: Run) -> tuple[Reading, dict[str, pa.Table], dict[str, str]]:
    library = generate(cfg.world, cfg.seed)
    source = typed(Source, cfg.common | {"name": "world", "path": "."}, at="corpus.common")
    reading = made(library.documents, source, shard=cfg.shard, run_shards=run.shards)
    return reading, {"truth": library.truth}, {"world.json": library.world_json()}


def from_sources(cfg: Config, run: Run) -> tuple[Reading, dict[str, pa.Table], dict[str, str]]:
    sources = [typed(Source, cfg.common | source, at=f"corpus.sources.{place}") for place, source in enumerate(cfg.sources)]
    bounds = Bounds(shard=cfg.shard, longest=cfg.longest, max_bad_fraction=cfg.max_bad_fraction, policy=cfg.policy)
    return read_sources(sources, cfg.path, bounds, run_shards=run.shards, scratch=run.scratch), {}, {}


@stage(Config, hub=True)
def main(cfg: Config, run: Run) -> Metrics:
    reading, sides, texts = {"world": from_world, "sources": from_sources}[cfg.reader](cfg, run)
    told = {"quarantine.jsonl": reading.quarantine, "sources.json": json.dumps(reading.sources, indent=1) + "\n"}
    cfg.target.gather(reading.work, tables=("documents",), sides=sides, texts=texts | told)
    return reading.metrics


if __name__ == "__main__":
    main()
