"""Show what was made and measured on one page.

reads   plan/settings.json, metrics/, plots/            what every stage was told and measured
        data/corpus, clean, select, dedup               Corpus
        data/split, data/dialogues, data/pretrain       Split, Dialogues, Model
        data/baselines, data/evaluate/<model>, data/contest   Scores
writes  data/report                                     Page
        metrics.json                                    the headline figures, for DVC's tables
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.artifact.page import Page
from pipeline.core.artifact.scores import Scores
from pipeline.core.files import read_json, write_json
from pipeline.report.contents import Data, RunRecord, Shown, page_of
from pipeline.report.learning import read_rows
from pipeline.report.published import of_workspace
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
    plan = read_json(cfg.settings)
    names = [stage["name"] for stage in plan["stages"] if stage["name"] != run.name]
    files = {name: cfg.metrics / f"{name}.json" for name in names}
    metrics = {name: read_json(path) if path.is_file() else None for name, path in files.items()}
    plots = {name: path for name in names if (path := cfg.plots / f"{name}.csv").is_file()}
    told = RunRecord(
        settings={stage["name"]: stage["settings"] for stage in plan["stages"]},
        edges=[tuple(edge) for edge in plan["edges"]],
        metrics=metrics,
        curves={name: read_rows(path) for name, path in plots.items()},
    )
    scores = [Scores(cfg.scores / name.removeprefix("evaluate/")) for name in names if name.startswith("evaluate/")]
    cfg.target.write(*page_of(cfg.title, cfg.data, scores, told, cfg.shown))
    write_json(cfg.summary, summary(metrics))
    run.send(of_workspace)


if __name__ == "__main__":
    main()
