"""Write a model as ONNX files, and check each by ONNX Runtime against the original.

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
from pipeline.export.onnx_folder import Onnx, export
from pipeline.export.papers import bill_of
from stages._mends import warn_of_dropped
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Onnx):
    """An entry of `export` with format onnx."""

    source: Model
    tokens: Tokens
    split: Split
    target: Exports


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Write, load back, compare; a file that is not released is told with the ways out."""
    bill = bill_of(cfg.source, cfg.tokens, cfg.split, code=run.code, configuration=run.told)
    report = export(cfg.source, cfg.target, tokens=cfg.tokens, split=cfg.split, settings=cfg, section=run.section, bill=bill)
    warn_of_dropped(run.log, report["dropped"])
    return report


if __name__ == "__main__":
    main()
