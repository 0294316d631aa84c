"""Write a model as a folder for transformers, and check it against the original to the bit.

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
from pipeline.export.transformers_folder import Folder, export
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Folder):
    """An entry of `export` with format transformers."""

    source: Model
    tokens: Tokens
    split: Split
    target: Exports


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Copy, load back, compare."""
    bill = bill_of(cfg.source, cfg.tokens, cfg.split, code=run.code, configuration=run.told)
    return export(cfg.source, cfg.target, tokens=cfg.tokens, split=cfg.split, settings=cfg, section=run.section, bill=bill)


if __name__ == "__main__":
    main()
