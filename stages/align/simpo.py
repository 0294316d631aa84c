"""Align without a reward model and without a reference: simple preference optimization.

reads   source, by default data/sft   Model
reads   data/dialogues                Dialogues, preferences of the parts train and test
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import direct, simpo
from pipeline.align.adapters import Adapter
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(simpo.SimplePreferences):
    """An entry of `align` with method simpo: the recipe's keys and these."""

    adapter: Adapter
    source: Model
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs."""
    metrics, history = direct.align(
        simpo.Trainer, cfg, cfg.adapter, source=cfg.source, dialogues=cfg.dialogues, target=cfg.target, workspace=Workspace.of(run)
    )
    run.curve(history)
    return metrics


if __name__ == "__main__":
    main()
