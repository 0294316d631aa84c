"""Keep good documents, by rules on their statistics and metadata, and by a quality score trained on examples.

reads   data/clean     Corpus with statistics
reads   data/corpus    Corpus; only its truth.parquet, if present
reads   data/examples  folders good/ and bad/ of documents; both may be empty
reads   data/url_lists lists of domains and addresses that rules name; may be empty
writes  data/select    Corpus; dropped; histograms.parquet; scores and score.parquet if a score is trained
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.bounds import Fraction
from pipeline.text.measure.examples import ScoreConfig, train_score
from pipeline.text.measure.histograms import sum_histograms
from pipeline.text.measure.quality import Rule, refuse_idle, refuse_unknown
from pipeline.text.measure.select import QualityFilter, select
from pipeline.text.measure.statistics import NAMES
from pipeline.text.truth.select import selection_metrics
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    truth: Corpus
    examples: Path
    url_lists: Path
    target: Corpus
    rules: tuple[Rule, ...]
    score: ScoreConfig
    min_score: Fraction | None

    def __post_init__(self) -> None:
        refuse_unknown(self.rules, (*NAMES, "language_score"))
        refuse_idle(self.rules)


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    model, score_metrics = train_score(cfg.source, cfg.examples, cfg.rules, cfg.score, run.shards)
    work = select(cfg.source, QualityFilter(cfg.rules, model, cfg.min_score, cfg.url_lists), run.shards)
    sides = {"histograms": sum_histograms(work.table("histograms"))}
    tables = ["documents", "dropped"]
    if model is not None:
        sides["score"] = model.table()
        tables.append("scores")
    cfg.target.gather(work, tables=tables, sides=sides, texts={})
    metrics = work.total | ({"score": score_metrics} if score_metrics else {})
    if cfg.truth.has_table("truth"):
        metrics["truth"] = selection_metrics(cfg.truth.table("truth"), cfg.target.table("dropped", ["id", "reason"]))
    return metrics


if __name__ == "__main__":
    main()
