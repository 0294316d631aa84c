"""Keep the documents that are worth learning from, by rules over their statistics and by a score learned from examples.

reads   data/clean     Corpus with statistics
reads   data/corpus    Corpus; only truth.parquet where it is there
reads   data/examples  folders good/ and bad/ of documents; both may be empty
writes  data/select    Corpus; dropped; histograms.parquet; scores and score.parquet where a score is learned
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.measure.examples import Training, learn
from pipeline.text.measure.histograms import summed
from pipeline.text.measure.quality import Rule
from pipeline.text.measure.select import Judge, select
from pipeline.text.truth.select import selection
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    truth: Corpus
    examples: Path
    target: Corpus
    rules: tuple[Rule, ...]
    score: Training
    least_score: float | None  # 0..1


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    model, learned = learn(cfg.source, cfg.examples, cfg.rules, cfg.score, run.shards)
    work = select(cfg.source, Judge(cfg.rules, model, cfg.least_score), run.shards)
    sides = {"histograms": summed(work.table("histograms"))}
    tables = ["documents", "dropped"]
    if model is not None:
        sides["score"] = model.table()
        tables.append("scores")
    cfg.target.gather(work, tables=tables, sides=sides, texts={})
    metrics = work.total | ({"score": learned} if learned else {})
    if cfg.truth.has_table("truth"):
        metrics["truth"] = selection(cfg.truth.table("truth"), cfg.target.table("dropped", ["id", "reason"]))
    return metrics


if __name__ == "__main__":
    main()
