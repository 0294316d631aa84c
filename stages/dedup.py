"""Drop documents that repeat an earlier one, and paragraphs and runs of words that do.

reads   data/select  Corpus
reads   data/corpus  Corpus; only truth.parquet where it is there
writes  data/dedup   Corpus with clusters and passages
"""

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.copies.clusters import Near
from pipeline.text.copies.dedup import TABLES, Rules, dedup
from pipeline.text.copies.paragraph_copies import Paragraphs
from pipeline.text.copies.substrings import Substrings
from pipeline.text.truth.dedup import deduplication
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    truth: Corpus
    target: Corpus
    method: Literal["exact", "minhash"]
    near: Near
    priorities: list[str]
    paragraph: Paragraphs | None
    substring: Substrings | None


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    near = cfg.near if cfg.method == "minhash" else None
    rules = Rules(near=near, priorities=cfg.priorities, paragraph=cfg.paragraph, substring=cfg.substring)
    done = dedup(cfg.source, rules, scratch=run.scratch, memory=run.memory, run_map=run.map)
    run.log.info("of %(shards)d shards %(signed)d signed; of the pairs %(compared)d compared, %(remembered)d remembered", done.effort)
    if done.metrics["pairs_left"]:
        run.log.warning("%d pairs were not compared: raise dedup.near.rounds", done.metrics["pairs_left"])
    cfg.target.gather(done.work, tables=TABLES, sides={}, texts={})
    metrics = dict(done.metrics)
    if cfg.truth.has_table("truth"):
        documents = cfg.target.table("documents", ["id", "text"])
        metrics["truth"] = deduplication(cfg.truth.table("truth"), documents, cfg.target.table("clusters"), cfg.target.table("passages"))
    return metrics


if __name__ == "__main__":
    main()
