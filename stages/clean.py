"""Mend what scanning, scraping and publishing did to the text, and drop what is no text.

reads   data/corpus  Corpus; truth.parquet where it is there
writes  data/clean   Corpus, dropped.parquet and repairs.parquet
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.text import truth
from pipeline.text.clean import REPAIRS, clean, counts
from pipeline.text.quality import Rule
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    target: Corpus
    rules: tuple[Rule, ...]


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    kept, dropped, repairs = clean(cfg.source.read(), run.map, rules=cfg.rules)
    cfg.target.write(kept, sides={"dropped": dropped, "repairs": repairs}, texts={})
    metrics = counts(kept, dropped, repairs)
    if cfg.source.has("truth.parquet"):
        metrics["truth"] = truth.cleaning(cfg.source.table("truth"), kept, dropped, repairs, names=tuple(REPAIRS))
    return metrics


if __name__ == "__main__":
    main()
