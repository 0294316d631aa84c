"""Read or generate the documents.

reads   corpus.path  text files of any size (one of 2 GB takes 0.7 GB of memory), what corpus.sources names; or the lock of the packages
writes  data/corpus  Corpus with quarantine.jsonl, sources.json; of a world also truth.parquet, world.json; of packages functions.parquet
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.seed import Seed
from pipeline.packages.documents import read_packages
from pipeline.packages.settings import PackagesConfig
from pipeline.text.canaries import Canaries
from pipeline.text.reading.read import ReadResult, generated_corpus, read_sources, with_canaries
from pipeline.text.reading.sources import ReadLimits, sources_of
from pipeline.world.library import generate
from pipeline.world.settings import Claims, WorldConfig
from stages._run import Metrics, Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(ReadLimits):
    reader: Literal["world", "packages", "sources"]
    path: Path
    sources: tuple[dict[str, Any], ...]
    source_defaults: dict[str, Any]
    target: Corpus
    seed: Seed
    canaries: Canaries
    claims: Claims
    world: WorldConfig
    packages: PackagesConfig


def from_one(cfg: Config, run: Run) -> tuple[ReadResult, dict[str, pa.Table], dict[str, Any]]:
    made = generate(cfg.world, cfg.seed, cfg.claims) if cfg.reader == "world" else read_packages(cfg.path, cfg.packages)
    (source,) = sources_of([{"name": cfg.reader, "path": "."}], cfg.source_defaults)
    return generated_corpus(made.documents, source, made.counts, shard_bytes=cfg.shard_bytes, run_shards=run.shards), made.sides, made.texts


def from_sources(cfg: Config, run: Run) -> tuple[ReadResult, dict[str, pa.Table], dict[str, Any]]:
    limits = ReadLimits(**{field.name: getattr(cfg, field.name) for field in fields(ReadLimits)})
    sources = sources_of(cfg.sources, cfg.source_defaults)
    return read_sources(sources, cfg.path, limits, run_shards=run.shards, scratch=run.scratch, tell=run.log.warning), {}, {}


@stage(Config, hub=True)
def main(cfg: Config, run: Run) -> Metrics:
    reading, sides, texts = (from_sources if cfg.reader == "sources" else from_one)(cfg, run)
    reading = with_canaries(reading, cfg.canaries, cfg.seed, run_shards=run.shards)
    cfg.target.gather(reading.work, tables=("documents",), sides=sides, texts=texts | reading.texts)
    return reading.metrics


if __name__ == "__main__":
    main()
