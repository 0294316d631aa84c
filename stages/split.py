"""Deal the documents into train, val and test, and cut from train what val and test also say.

reads   data/dedup  Corpus
writes  data/split  Split and cut.parquet
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import Split
from pipeline.text.decontaminate import decontaminate
from pipeline.text.split import counts, split
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config:
    source: Corpus
    target: Split
    val: float
    test: float
    seed: int
    ngram: int


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    dealt = split(cfg.source.read(), val=cfg.val, test=cfg.test, seed=cfg.seed)
    parts, cut, leaks = decontaminate(dealt, ngram=cfg.ngram)
    cfg.target.write(parts, sides={"cut": cut})
    return {**counts(parts), **leaks}


if __name__ == "__main__":
    main()
