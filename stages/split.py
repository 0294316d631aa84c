"""Assign the documents to train, val and test, and remove from train what overlaps with held-out text, test questions or benchmarks.

reads   data/dedup, data/corpus   Corpus: documents and clusters; groups and source weights; of the world the truth and a benchmark
reads   data/dialogues, split.benchmarks   Dialogues, for their test questions; files of benchmark items
writes  data/split                Split and cut
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import Split
from pipeline.core.hold_out import HoldOut
from pipeline.text.splitting.assignment import assign_parts
from pipeline.text.splitting.benchmarks import eval_items
from pipeline.text.splitting.decontamination import OverlapPolicies, check, count_overlaps
from pipeline.text.splitting.held_out_index import OverlapConfig, hash_ranges, held_out_ngrams, write_index
from pipeline.text.splitting.mixture import sampling_weights, source_info
from pipeline.text.splitting.parts import split_metrics, split_shard
from pipeline.text.truth.split import leak_metrics
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(HoldOut):
    source: Corpus
    corpus: Corpus
    dialogues: Dialogues
    benchmarks: Path
    target: Split
    overlap: OverlapConfig
    on_overlap: OverlapPolicies
    benchmark_fields: dict[str, tuple[str, ...]]
    max_document_characters: PositiveInt


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    sources, ranges = source_info(cfg.corpus), hash_ranges(cfg.source.shards, cfg.val + cfg.test)
    assigned, by = assign_parts(cfg.source, cfg.corpus, cfg, tell=run.log.warning)
    items = eval_items(cfg.dialogues, cfg.corpus, cfg.benchmarks, cfg.benchmark_fields)
    ngrams = run.shards("held", partial(held_out_ngrams, ngram=cfg.overlap.ngram, ranges=ranges), assigned)
    index = write_index(run.scratch / "table", ngrams, items, overlap=cfg.overlap, ranges=ranges)
    size, weights = cfg.max_document_characters, sampling_weights(sources)
    how = partial(split_shard, index=index, policies=cfg.on_overlap, max_characters=size, weights=weights, seed=cfg.seed)
    work = run.shards("parts", how, assigned)
    check(work.total, left := run.shards("recount", partial(count_overlaps, index=index), work.paths("train")).total)
    cfg.target.gather(work, tables=("cut",), sides={})
    return {**split_metrics(work, index, left, sources, by), **leak_metrics(cfg.corpus, work, items, ngram=cfg.overlap.ngram)}


if __name__ == "__main__":
    main()
