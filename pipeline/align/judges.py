"""Who says what a sampled answer is worth: rules that know what is right, or a reward model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transformers import PreTrainedModel

from pipeline.align.candidates import Answer, Answered, Judge
from pipeline.align.rules import follows
from pipeline.align.training_prompts import Prompt
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.errors import PipelineError
from pipeline.model import disk
from pipeline.model.reward import load_reward, rewards_of

Judging = Literal["reward", "rules"]
DECIMALS = 3  # of a score that is kept: a batch of another size changes the last bits of a sum


def judge_of(name: Judging, reward_model: RewardModel | None, source: Model, *, device: str, batch: int) -> Judge:
    """The judge of that name; `reward_model` judges answers of `source`. PipelineError where it is missing."""
    if name == "rules":
        return ByRules()
    if reward_model is None:
        raise PipelineError(
            "judge=reward needs a reward_model", mend="reward_model=data/reward reads=data/reward of the entry, or judge=rules"
        )
    if reward_model.not_trained:
        raise PipelineError(
            f"{reward_model.path} has learned nothing: it can't judge", mend="judge=rules, or preferences for the stage reward"
        )
    disk.same_tokenizer(source, reward_model)
    return ByReward(load_reward(reward_model, device=device), batch)


@dataclass(frozen=True)
class ByRules:
    """1 for a right answer, 0 for another, as the verifiable reward of GRPO."""

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        """The prompts have rules."""
        return [replace(answer, score=float(follows(prompt.rule, answer.text))) for prompt, answer in zip(prompts, answers, strict=True)]

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        """As they are."""
        return list(answered)


@dataclass(frozen=True)
class ByReward:
    """The reward model's number, whose differences are log-odds of being preferred, nats (Bradley and Terry 1952)."""

    reward: PreTrainedModel
    batch: int  # answers at once

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        """Read at the token that ends the answer."""
        sequences = [[*prompt.ids, *one.ids] for prompt, one in zip(prompts, answers, strict=True)]
        scores = rewards_of(self.reward, sequences, batch=self.batch, begins=[len(prompt.ids) for prompt in prompts])
        return [replace(answer, score=round(score, DECIMALS)) for answer, score in zip(answers, scores.tolist(), strict=True)]

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        """As they are."""
        return list(answered)
