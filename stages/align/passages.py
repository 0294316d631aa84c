"""Align by the text itself: thoughts are rewarded that make the passage behind them likelier.

reads   source, by default data/sft   Model, with <think> in its vocabulary
reads   data/tokenize                 Tokens, of the parts train and val
reads   data/dialogues                Dialogues, preferences of the parts train and test for the guards
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import passages
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(passages.Foretelling):
    """An entry of `align` with method passages: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    tokens: Tokens
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Think, foretell, learn; save; measure on held-out passages."""
    metrics, history = passages.teach(cfg.source, cfg.dialogues, cfg.tokens, cfg.target, cfg, Workspace.of(run))
    run.curve(history)
    return metrics


if __name__ == "__main__":
    main()
