"""Align without a reward model: direct preference optimization.

reads   source, by default data/sft   Model
reads   data/dialogues                Dialogues, preferences of the parts train and test
writes  data/align/<entry>            Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import adapters, dpo
from pipeline.align.handed_on import hand_on
from pipeline.align.rows import read_pairs, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(dpo.DirectPreferences):
    """An entry of `align` with method dpo: the recipe's keys and these."""

    adapter: adapters.Adapter
    source: Model
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs."""
    tokenizer = disk.tokenizer_of(cfg.source)
    tuned, reference = adapters.compared(cfg.source, cfg.adapter, device=run.device, seed=cfg.seed, section=run.section)
    room = room_for(cfg, tuned.module, section=run.section)
    train, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    if not train.rows:
        run.curve([])
        return hand_on(cfg.source, cfg.target, "preferences to learn from")
    metrics, history = dpo.prefer(tuned.module, reference, tokenizer, train.rows, test.rows, cfg, Workspace.of(run))
    metrics |= tuned.counts
    tuned.save(cfg.target, source=cfg.source, facts={"method": "dpo", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | {"train": train.counts, "test": test.counts}


if __name__ == "__main__":
    main()
