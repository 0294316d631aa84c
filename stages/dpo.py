"""Align without a judge: direct preference optimization.

reads   data/sft        Model
reads   data/dialogues  Dialogues, preferences of the parts train and test
writes  data/dpo        Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import dpo
from pipeline.align.place import Place
from pipeline.align.rows import check_length, read_pairs, required
from pipeline.align.trl_adapter import Preferring
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(Preferring):
    """The section `dpo`: the recipe's keys and these."""

    source: Model
    dialogues: Dialogues
    target: Model
    length: int  # tokens of a prompt with its longer answer


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Learn, save, measure on held-out pairs."""
    tokenizer = disk.tokenizer_of(cfg.source)
    policy, reference = (disk.load(cfg.source, device=run.device) for _ in range(2))
    check_length(cfg.length, policy, section="dpo")
    train = read_pairs(cfg.dialogues, "train", tokenizer, length=cfg.length, section="dpo")
    test = read_pairs(cfg.dialogues, "test", tokenizer, length=cfg.length, section="dpo")
    pairs = required(train, "preferences of part train")
    place = Place(scratch=run.scratch, device=run.device, track=run.track)
    metrics, history = dpo.prefer(policy, reference, tokenizer, pairs, test.rows, cfg, place)
    disk.save(policy, cfg.target, tokenizer=cfg.source, facts={"method": "dpo"})
    run.curve(history)
    return metrics | {"train": train.counts, "test": test.counts}


if __name__ == "__main__":
    main()
