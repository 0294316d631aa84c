"""Write the chosen model as files that other programs read, and check each against the original.

reads   data/ppo (export.source)   Model
        data/tokenize              Tokens
        data/split                 Split
writes  data/export                Exports
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.export.release import Settings, release
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    source: Model
    tokens: Tokens
    corpus: Split
    target: Exports


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    return release(cfg.source, cfg.target, tokens=cfg.tokens, corpus=cfg.corpus, settings=cfg)


if __name__ == "__main__":
    main()
