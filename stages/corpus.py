"""Read or generate the documents.

reads   corpus.path  text files of any size (one of 2 GB takes 0.7 GB of memory), and what corpus.sources names (reader=sources)
writes  data/corpus  Corpus with quarantine.jsonl and sources.json; for the world also truth.parquet and world.json
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.reading.read import ReadResult, generated_corpus, read_sources
from pipeline.text.reading.sources import Policy, ReadLimits, Source, with_defaults
from pipeline.world.library import generate
from pipeline.world.settings import WorldConfig
from stages._run import Metrics, Run, stage
from stages._settings import typed


@dataclass(frozen=True, kw_only=True)
class Config:
    reader: Literal["world", "sources"]
    path: Path
    sources: tuple[dict[str, Any], ...]
    source_defaults: dict[str, Any]
    target: Corpus
    seed: int
    shard_bytes: int
    max_document_bytes: int
    max_chunk_bytes: int
    max_bad_fraction: float
    policy: Policy
    world: WorldConfig


def from_world(cfg: Config, run: Run) -> tuple[ReadResult, dict[str, pa.Table], dict[str, str]]:
    library = generate(cfg.world, cfg.seed)
    source = typed(Source, with_defaults({"name": "world", "path": "."}, cfg.source_defaults), at="corpus.source_defaults")
    reading = generated_corpus(library.documents, source, shard_bytes=cfg.shard_bytes, run_shards=run.shards)
    return reading, {"truth": library.truth}, {"world.json": library.world_json()}


def from_sources(cfg: Config, run: Run) -> tuple[ReadResult, dict[str, pa.Table], dict[str, str]]:
    sources = [typed(Source, with_defaults(one, cfg.source_defaults), at=f"corpus.sources.{n}") for n, one in enumerate(cfg.sources)]
    limits = ReadLimits(**{field.name: getattr(cfg, field.name) for field in fields(ReadLimits)})
    return read_sources(sources, cfg.path, limits, run_shards=run.shards, scratch=run.scratch, tell=run.log.warning), {}, {}


@stage(Config, hub=True)
def main(cfg: Config, run: Run) -> Metrics:
    reading, sides, texts = {"world": from_world, "sources": from_sources}[cfg.reader](cfg, run)
    cfg.target.gather(reading.work, tables=("documents",), sides=sides, texts=texts | reading.texts)
    return reading.metrics


if __name__ == "__main__":
    main()
