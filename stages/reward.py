"""Learn a reward model from preference pairs.

reads   data/sft        Model
reads   data/dialogues  Dialogues, preferences of the parts train and test
writes  data/reward     RewardModel
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import reward
from pipeline.align.handed_on import nothing
from pipeline.align.rows import read_pairs, room_for
from pipeline.align.scalar_head import with_scalar_head
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.model import disk
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(reward.RewardLearning):
    """The section `reward`: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    target: RewardModel


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs."""
    tokenizer = disk.tokenizer_of(cfg.source)
    source = disk.load(cfg.source, device=run.device)
    module = with_scalar_head(source, heads=cfg.ensemble, seed=cfg.seed, likelihood=cfg.likelihood)
    room = room_for(cfg, module, section=run.section)
    train, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    if not train.rows:
        run.curve([])
        reason = {Model.NOT_TRAINED: nothing("preferences to learn from")}
        disk.save(module, cfg.target, tokenizer=cfg.source, facts={"method": "reward", **reason})
        return reason
    metrics, history = reward.learn(module, tokenizer, (train.rows, test.rows), cfg, Workspace.of(run))
    disk.save(module, cfg.target, tokenizer=cfg.source, facts={"method": "reward", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | {"train": train.counts, "test": test.counts}


if __name__ == "__main__":
    main()
