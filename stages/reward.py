"""Teach a judge: a reward model from preference pairs.

reads   data/sft        Model
reads   data/dialogues  Dialogues, preferences of the parts train and test
writes  data/reward     Model (a sequence classifier with one number)
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import reward
from pipeline.align.judge import with_scalar_head
from pipeline.align.place import Place
from pipeline.align.rows import check_length, read_pairs, required
from pipeline.align.trl_adapter import Recipe
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Recipe):
    """The section `reward`: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    target: Model
    length: int  # tokens of a prompt with its longer answer


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs."""
    tokenizer = disk.tokenizer_of(cfg.source)
    judge = with_scalar_head(disk.load(cfg.source, device=run.device), seed=cfg.seed)
    check_length(cfg.length, judge, section="reward")
    train = read_pairs(cfg.dialogues, "train", tokenizer, length=cfg.length, section="reward")
    test = read_pairs(cfg.dialogues, "test", tokenizer, length=cfg.length, section="reward")
    pairs = required(train, "preferences of part train")
    place = Place(scratch=run.scratch, device=run.device, track=run.track)
    metrics, history = reward.learn(judge, tokenizer, pairs, test.rows, cfg, place)
    disk.save(judge, cfg.target, tokenizer=cfg.source, facts={"method": "reward"})
    run.curve(history)
    return metrics | {"train": train.counts, "test": test.counts}


if __name__ == "__main__":
    main()
