"""Show what was made and measured on one page.

reads   data/corpus, clean, select, dedup               Corpus
        data/split, data/dialogues, data/pretrain       Split, Dialogues, Model
        data/evaluate, data/contest                     Scores
        metrics/<stage>.json, plots/<stage>.csv         of every stage that has them
writes  data/report                                     Page
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact.page import Page
from pipeline.core.files import read_json
from pipeline.report.contents import Data, Shown, Told, page_of
from pipeline.report.learning import CHARTS, read_rows
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    title: str
    data: Data
    shown: Shown
    target: Page
    settings: dict[str, Any]  # the section of every other stage, in the order of the data: shown, and the drawing's source


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    metrics = {name: Path("metrics", f"{name}.json") for name in cfg.settings}
    plots = {name: Path("plots", f"{name}.csv") for name in CHARTS}
    told = Told(
        settings=cfg.settings,
        metrics={name: read_json(path) if path.is_file() else None for name, path in metrics.items()},
        curves={name: read_rows(path) if path.is_file() else None for name, path in plots.items()},
    )
    html, numbers = page_of(cfg.title, cfg.data, told, cfg.shown)
    cfg.target.write(html)
    return numbers


if __name__ == "__main__":
    main()
