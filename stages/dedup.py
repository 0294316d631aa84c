"""Drop documents that repeat an earlier one.

reads   data/clean   Corpus
reads   data/corpus  Corpus; only truth.parquet where it is there
writes  data/dedup   Corpus and clusters.parquet
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.text import truth
from pipeline.text.dedup import Method, Near, cluster, counts, find_copies, keep_first
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    truth: Corpus
    target: Corpus
    method: Method
    near: Near


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    documents = cfg.source.read()
    links = find_copies(documents["text"].to_pylist(), run.map, near=cfg.near if cfg.method == "minhash" else None)
    clusters = cluster(documents["id"].to_pylist(), links)
    cfg.target.write(keep_first(documents, clusters), sides={"clusters": clusters}, texts={})
    metrics = counts(clusters)
    if cfg.truth.has("truth.parquet"):
        metrics["truth"] = truth.deduplication(cfg.truth.table("truth"), clusters)
    return metrics


if __name__ == "__main__":
    main()
