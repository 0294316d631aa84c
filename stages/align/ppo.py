"""Align through a reward model, rules, or both: proximal policy optimization.

reads   source, by default data/sft          Model
reads   reward_model, by default data/reward RewardModel
reads   data/dialogues                       Dialogues, preferences of part train, and of part test for the guards
writes  data/align/<entry>                   Model
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

from pipeline.align import adapters, guards, ppo, rules
from pipeline.align.handed_on import hand_on
from pipeline.align.ppo_rollout import scale_of
from pipeline.align.rows import read_pairs, room_for
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
    room = room_for(cfg, tuned.module, section=run.section)
    pairs, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    if not pairs.rows or cfg.reward_model.not_trained:
        run.curve([])
        return hand_on(cfg.source, cfg.target, "preferences to learn from")
    recipe = cfg.settled(pairs.rows, context=room.context)
    by_rule, space = cfg.reward != "model", {"max_new_tokens": recipe.new_tokens}
    asked = rules.read_checkable(cfg.dialogues, tokenizer, room, **space) if by_rule else rules.of_pairs(pairs.rows, room, **space)
    if not asked.rows:
        run.curve([])
        return hand_on(cfg.source, cfg.target, "prompts whose answers can be judged")
    prompts = [one.prompt for one in asked.rows]
    scale = scale_of(reward, pairs.rows, batch=cfg.micro_batch or cfg.mini_batch_size)
    watch = guards.read_guards(cfg.dialogues, (pairs.rows, test.rows), prompts, tokenizer)
    players = ppo.Players(tuned.module, copy.deepcopy(reward), reference, None if cfg.reward == "rule" else reward, watch)
    if by_rule:
        players = replace(players, right=ppo.by_rules(asked.rows, tokenizer))
    metrics, history = ppo.improve(players, prompts, scale, recipe, Workspace.of(run))
    tuned.save(cfg.target, source=cfg.source, facts={"method": "ppo", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | tuned.counts | {"pairs": pairs.counts, "prompts": asked.counts}


if __name__ == "__main__":
    main()
