"""Align through a reward model: proximal policy optimization.

reads   source, by default data/sft          Model
reads   reward_model, by default data/reward RewardModel
reads   data/dialogues                       Dialogues, preferences of part train, and of part test for the guards
writes  data/align/<entry>                   Model
"""

import copy
from dataclasses import dataclass
from typing import Any

from pipeline.align import guards, ppo
from pipeline.align.handed_on import hand_on
from pipeline.align.ppo_rollout import scale_of
from pipeline.align.rows import read_pairs, room_for, with_room
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.model import disk
from pipeline.model.reward import load_reward
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(ppo.Rollouts):
    """An entry of `align` with method ppo: the recipe's keys and these."""

    source: Model
    reward_model: RewardModel
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Answer, score, learn; save."""
    disk.same_tokenizer(cfg.source, cfg.reward_model)
    policy, reference = (disk.load(cfg.source, device=run.device) for _ in range(2))
    reward = load_reward(cfg.reward_model, device=run.device)
    room = room_for(cfg, policy, section=run.section)
    tokenizer = disk.tokenizer_of(cfg.source)
    pairs, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    if not pairs.rows or cfg.reward_model.not_trained:
        run.curve([])
        return hand_on(cfg.source, cfg.target, "preferences to learn from")
    recipe = cfg.settled(pairs.rows, context=room.context)
    prompts = with_room(pairs.rows, room, max_new_tokens=recipe.new_tokens)
    scale = scale_of(reward, pairs.rows, batch=cfg.micro_batch or cfg.mini_batch_size)
    watch = guards.read_guards(cfg.dialogues, (pairs.rows, test.rows), prompts.rows, tokenizer)
    players = ppo.Players(policy=policy, critic=copy.deepcopy(reward), reference=reference, reward=reward, guards=watch)
    metrics, history = ppo.improve(players, prompts.rows, scale, recipe, Workspace.of(run))
    disk.save(policy, cfg.target, tokenizer=cfg.source, facts={"method": "ppo", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | {"pairs": pairs.counts, "prompts": prompts.counts}


if __name__ == "__main__":
    main()
