"""Drop documents that repeat an earlier one; cut repeated paragraphs and spans of words.

reads   data/select  Corpus
reads   data/corpus  Corpus; only its truth.parquet, if present
reads   data/embedding_model  a model of embeddings; only if dedup.embeddings are set
writes  data/dedup   Corpus with clusters and passages
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.dedup.clusters import NearRule
from pipeline.text.dedup.corpus import TABLES, DedupRules, deduplicate
from pipeline.text.dedup.paragraphs import ParagraphRule
from pipeline.text.dedup.semantic import EmbeddingRule
from pipeline.text.dedup.substrings import SubstringRule
from pipeline.text.truth.dedup import dedup_metrics
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    truth: Corpus
    target: Corpus
    method: Literal["none", "exact", "minhash"]
    near: NearRule
    priorities: list[str]
    paragraph: ParagraphRule | None
    substring: SubstringRule | None
    embeddings: EmbeddingRule | None
    embedding_model: Path


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    near = cfg.near if cfg.method == "minhash" else None
    names = ("priorities", "paragraph", "substring", "embeddings", "embedding_model")
    rules = DedupRules(exact=cfg.method != "none", near=near, **{name: getattr(cfg, name) for name in names})
    done = deduplicate(cfg.source, rules, scratch=run.scratch, memory=run.memory, run_map=run.map)
    run.log.info("of %(shards)d shards %(signed)d signed; of the pairs %(compared)d compared, %(cached)d cached", done.stats)
    if done.metrics["pairs_left"]:
        run.log.warning("%d pairs were not compared: raise dedup.near.rounds", done.metrics["pairs_left"])
    cfg.target.gather(done.work, tables=TABLES, sides={}, texts={})
    metrics = dict(done.metrics)
    if cfg.truth.has_table("truth"):
        documents = cfg.target.table("documents", ["id", "text"])
        metrics["truth"] = dedup_metrics(cfg.truth.table("truth"), documents, cfg.target.table("clusters"), cfg.target.table("passages"))
    return metrics


if __name__ == "__main__":
    main()
