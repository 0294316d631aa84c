"""Write a small character model as one file that the page of `make sandbox` runs, and check it against the original.

reads   source, by default the last of align   Model
        data/tokenize, data/split              Tokens, Split
writes  data/export/<entry>                    Exports
"""

from dataclasses import dataclass
from typing import Any

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.export.papers import bill_of
from pipeline.export.web_file import Web, export
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Web):
    """An entry of `export` with format web."""

    source: Model
    tokens: Tokens
    split: Split
    target: Exports


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Round, write, read back, compare."""
    bill = bill_of(cfg.source, cfg.tokens, cfg.split, code=run.code, configuration=run.told)
    return export(cfg.source, cfg.target, tokens=cfg.tokens, split=cfg.split, settings=cfg, section=run.section, bill=bill)


if __name__ == "__main__":
    main()
