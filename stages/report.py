"""Show what was made and measured on one page.

reads   plan/settings.json, metrics/, plots/            what every stage was told and measured
        data/corpus, clean, select, dedup               Corpus
        data/split, data/dialogues, data/pretrain       Split, Dialogues, Model
        data/baselines, data/evaluate/<model>, data/contest   Scores
writes  data/report                                     Page: index.html and the same as Markdown
        metrics.json                                    the headline figures, for DVC's tables
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.artifact.page import Page
from pipeline.core.artifact.scores import Scores
from pipeline.core.files import read_json, write_json
from pipeline.report.contents import Data, Shown, page_of
from pipeline.report.record import RunRecord
from pipeline.report.summary import summary
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    """The section `report`."""

    title: str
    settings: Path
    metrics: Path
    plots: Path
    data: Data
    scores: Path
    shown: Shown
    summary: Path
    target: Page


@stage(Config, writes=("summary",))
def main(cfg: Config, run: Run) -> None:
    """Gather, draw, write. No file in metrics/: it depends on that folder."""
    told = RunRecord.read(read_json(cfg.settings), cfg.metrics, cfg.plots, without=run.name)
    scores = [Scores(cfg.scores / name) for name in told.models]
    cfg.target.write(*page_of(cfg.title, cfg.data, scores, told, cfg.shown))
    write_json(cfg.summary, summary(told.metrics))


if __name__ == "__main__":
    main()
