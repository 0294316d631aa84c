"""Align through a reward model, rules, or both: proximal policy optimization.

reads   source, by default data/sft          Model
reads   reward_model, by default data/reward RewardModel
reads   data/dialogues                       Dialogues, preferences of part train, and of part test for the guards
writes  data/align/<entry>                   Model
"""

import copy
from dataclasses import dataclass
from typing import Any

from pipeline.align import adapters, guards, handed_on, ppo, ppo_rollout, rows, rules
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

    reward: rules.Reward
    adapter: adapters.Adapter  # what learns of the policy; the critic learns whole
    source: Model
    reward_model: RewardModel
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Answer, score, learn; save."""
    disk.same_tokenizer(cfg.source, cfg.reward_model)
    tuned, reference = adapters.compared(cfg.source, cfg.adapter, device=run.device, seed=cfg.seed, section=run.section)
    reward, tokenizer = load_reward(cfg.reward_model, device=run.device), disk.tokenizer_of(cfg.source)
    room = rows.room_for(cfg, tuned.module, section=run.section)
    pairs, test = rows.read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    if not pairs.rows or cfg.reward_model.not_trained:
        run.curve([])
        return handed_on.hand_on(cfg.source, cfg.target, "preferences to learn from")
    recipe = cfg.settled(pairs.rows, context=room.context)
    asked = rules.read_asked(cfg.reward, cfg.dialogues, pairs.rows, tokenizer, room, max_new_tokens=recipe.new_tokens)
    prompts = [one.prompt for one in asked.rows]
    watch = guards.read_guards(cfg.dialogues, (pairs.rows, test.rows), prompts, tokenizer)
    judges = ppo.judges(cfg.reward, reward, asked.rows, tokenizer, section=run.section)
    players = ppo.Players(tuned.module, copy.deepcopy(reward), reference, watch, *judges)
    scale = ppo_rollout.scale_of(reward, pairs.rows, clip=cfg.score_clip, batch=cfg.micro_batch or cfg.mini_batch_size)
    metrics, history = ppo.improve(players, prompts, scale, recipe, Workspace.of(run))
    run.curve(history)
    tuned.save(cfg.target, source=cfg.source, facts={"method": "ppo", "steps": metrics["steps"]})
    return metrics | tuned.counts | {"pairs": pairs.counts, "prompts": asked.counts}


if __name__ == "__main__":
    main()
