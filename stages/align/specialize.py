"""Train a model on with the text of one source, and say what it gains there and forgets elsewhere.

reads   source, by default data/sft   Model
reads   data/tokenize, data/split     Tokens, Split, of the parts train and val
reads   data/dialogues                Dialogues, instructions of the parts train and val
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import specialize
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(specialize.Specialization):
    """An entry of `align` with method specialize: the recipe's keys and these."""

    source: Model
    tokens: Tokens
    split: Split
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Train on, save, compare on held-out text."""
    metrics, history = specialize.teach(cfg.source, cfg.split, cfg.tokens, cfg.dialogues, cfg.target, cfg, Workspace.of(run))
    run.curve(history)
    return metrics


if __name__ == "__main__":
    main()
