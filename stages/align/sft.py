"""Fine-tune on instructions once more: answers of the model itself that were kept (RFT, RAFT), revisions, corrections of people.

reads   source, by default data/sft   Model
reads   dialogues                     Dialogues, instructions of the parts train and val
reads   data/tokenize                 Tokens, of the part train
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import sft
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokens import Tokens
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(sft.Instructions):
    """An entry of `align` with method sft: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    tokens: Tokens
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Fine-tune, save, measure on held-out dialogues."""
    metrics, history = sft.teach(cfg.source, cfg.dialogues, cfg.tokens, cfg.target, cfg, Workspace.of(run))
    run.curve(history)
    return metrics


if __name__ == "__main__":
    main()
