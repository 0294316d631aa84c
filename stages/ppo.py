"""Align through the judge: proximal policy optimization.

reads   data/sft        Model
reads   data/reward     Model (the judge)
reads   data/dialogues  Dialogues, preferences of part train
writes  data/ppo        Model
"""

import copy
from dataclasses import dataclass
from typing import Any

from pipeline.align import ppo
from pipeline.align.place import Place
from pipeline.align.rows import check_length, read_pairs, required, with_room
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.model import disk
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(ppo.Settings):
    """The section `ppo`: the recipe's keys and these."""

    source: Model
    judge: Model
    dialogues: Dialogues
    target: Model
    length: int  # tokens of a prompt and the room for its answer


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Answer, judge, learn; save."""
    disk.same_tokenizer(cfg.source, cfg.judge)
    policy, reference = (disk.load(cfg.source, device=run.device) for _ in range(2))
    judge = disk.load_reward(cfg.judge, device=run.device)
    check_length(cfg.length, policy, section="ppo")
    pairs = read_pairs(cfg.dialogues, "train", disk.tokenizer_of(cfg.source), length=cfg.length, section="ppo")
    prompts = with_room(required(pairs, "preferences of part train"), room=cfg.room, length=cfg.length, section="ppo")
    scale = ppo.scale_of(judge, pairs.rows, batch=cfg.minibatch)
    players = ppo.Players(policy=policy, critic=copy.deepcopy(judge), reference=reference, judge=judge)
    place = Place(scratch=run.scratch, device=run.device, track=run.track)
    metrics, history = ppo.improve(players, prompts.rows, scale, cfg, place)
    disk.save(policy, cfg.target, tokenizer=cfg.source, facts={"method": "ppo"})
    run.curve(history)
    return metrics | {"pairs": pairs.counts, "prompts": prompts.counts}


if __name__ == "__main__":
    main()
