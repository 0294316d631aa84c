"""Align by comparing several answers to each prompt: group relative policy optimization and its relatives.

reads   source, by default data/sft          Model
reads   reward_model, by default data/reward RewardModel
reads   data/dialogues                       Dialogues, preferences of part train, and of part test for the guards; what rules check
writes  data/align/<entry>                   Model
"""

from dataclasses import dataclass
from typing import Any

from pipeline.align import adapters, grpo, guards, ppo_rollout, rules
from pipeline.align.handed_on import hand_on
from pipeline.align.rows import read_pairs, room_for
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.model import disk, reward
from pipeline.train.workspace import Workspace
from stages._run import Run, stage


@dataclass(frozen=True, kw_only=True)
class Config(grpo.Groups):
    """An entry of `align` with method grpo: the recipe's keys and these."""

    reward: rules.Reward
    score_clip: ppo_rollout.ScoreClip
    adapter: adapters.Adapter
    source: Model
    reward_model: RewardModel
    dialogues: Dialogues
    target: Model


@stage(Config)
def main(cfg: Config, run: Run) -> dict[str, Any]:
    """Answer, compare, learn; save."""
    disk.same_tokenizer(cfg.source, cfg.reward_model)
    tuned, reference = adapters.compared(cfg.source, cfg.adapter, device=run.device, seed=cfg.seed, section=run.section)
    tokenizer, room = disk.tokenizer_of(cfg.source), room_for(cfg, tuned.module, section=run.section)
    pairs, test = read_pairs(cfg.dialogues, ("train", "test"), tokenizer, room)
    recipe = cfg.settled(pairs.rows, context=room.context)
    judges = {} if cfg.reward == "model" else {"rule": grpo.by_rules(tokenizer)}
    asked = rules.read_asked(cfg.reward, cfg.dialogues, pairs.rows, tokenizer, room, max_new_tokens=recipe.new_tokens)
    if not asked.rows or (cfg.reward != "rule" and cfg.reward_model.not_trained):
        run.curve([])
        return hand_on(cfg.source, cfg.target, "prompts whose answers can be judged")
    if cfg.reward != "rule":
        model = reward.load_reward(cfg.reward_model, device=run.device)
        judges["model"] = grpo.as_learned(model, pairs.rows, clip=cfg.score_clip, batch=cfg.micro_batch or cfg.mini_batch_size)
    watch = guards.read_guards(cfg.dialogues, (pairs.rows, test.rows), [one.prompt for one in asked.rows], tokenizer)
    metrics, history = grpo.improve(grpo.Contest(tuned.module, reference, judges, asked.rows, watch), recipe, Workspace.of(run))
    tuned.save(cfg.target, source=cfg.source, facts={"method": "grpo", "steps": metrics["steps"]})
    run.curve(history)
    return metrics | tuned.counts | {"pairs": pairs.counts, "prompts": asked.counts}


if __name__ == "__main__":
    main()
