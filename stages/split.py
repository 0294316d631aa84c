"""Deal the documents into train, val and test, and cut from train what is held out or asked by a test.

reads   data/dedup, data/corpus   Corpus: documents and clusters; groups, weights of sources; of the world the truth and a benchmark
reads   data/dialogues, split.benchmarks   Dialogues, whose test questions train may not hold; files of benchmark items, likewise
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
from pipeline.text.parting.benchmarks import held_items
from pipeline.text.parting.decontaminate import Policies, check, recount
from pipeline.text.parting.held import Lengths, held_runs, ranges_of, write_held
from pipeline.text.parting.mixture import sources_of, weights_of
from pipeline.text.parting.parts import told, write_parts
from pipeline.text.parting.split import deal
from pipeline.text.truth.split import leaking
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    corpus: Corpus
    dialogues: Dialogues
    benchmarks: Path
    target: Split
    val: float
    test: float
    seed: int
    lengths: Lengths
    policies: Policies
    fields: dict[str, tuple[str, ...]]
    longest: PositiveInt


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    sources = sources_of(cfg.corpus)
    dealt = deal(cfg.source, cfg.corpus, val=cfg.val, test=cfg.test, seed=cfg.seed)
    items = held_items(cfg.dialogues, cfg.corpus, cfg.benchmarks, cfg.fields)
    ranges = ranges_of(cfg.source.shards, cfg.val + cfg.test)
    runs = run.shards("held", partial(held_runs, ngram=cfg.lengths.ngram, ranges=ranges), dealt)
    held = write_held(run.scratch / "table", runs, items, lengths=cfg.lengths, ranges=ranges)
    how = partial(write_parts, held=held, policies=cfg.policies, longest=cfg.longest, weights=weights_of(sources), seed=cfg.seed)
    work = run.shards("parts", how, dealt)
    check(work.total, left := run.shards("recount", partial(recount, held=held), work.paths("train")).total)
    cfg.target.gather(work, tables=("cut",), sides={})
    return {**told(work, held, left, sources), **leaking(cfg.corpus, work, items, ngram=cfg.lengths.ngram)}


if __name__ == "__main__":
    main()
