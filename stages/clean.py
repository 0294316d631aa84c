"""Repair damage from scanning, scraping and publishing, mask personal data, and measure quality statistics.

reads   data/corpus  Corpus; its truth.parquet, if present
writes  data/clean   Corpus with the tables statistics and repairs
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.text.repair.clean import NAMES, Settings, check, clean_shard
from pipeline.text.truth.clean import cleaning_metrics
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    target: Corpus
    repairs: tuple[str, ...] | None
    quotes: Literal["straight", "keep"]
    italics: Literal["strip", "keep"]
    editorial: Literal["strip", "keep"]
    mask: dict[str, str | None]
    language_characters: PositiveInt

    def __post_init__(self) -> None:
        check(self.settings)

    @property
    def settings(self) -> Settings:
        """What is repaired and how."""
        return Settings(repairs=self.repairs, quotes=self.quotes, italics=self.italics, editorial=self.editorial, mask=self.mask)


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    function = partial(clean_shard, settings=cfg.settings, language_characters=cfg.language_characters)
    work = run.shards("clean", function, cfg.source.shards)
    cfg.target.gather(work, tables=("documents", "statistics", "repairs"), sides={}, texts={})
    metrics = dict(work.total)
    if cfg.source.has_table("truth"):
        truth = cfg.source.table("truth", ["id", "fate", "clean", "plants"])
        metrics["truth"] = cleaning_metrics(truth, work.table("documents", ["id", "text"]), work.table("repairs"), names=NAMES)
    return metrics


if __name__ == "__main__":
    main()
