"""Several answers to each prompt, compared with each other: no critic.

GRPO, Dr. GRPO, DAPO and RLOO by settings; the terms and the papers are in group_losses. Every random stream is derived from the step
number, so a checkpoint needs none.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, PositiveFloat
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align.group_losses import ADVANTAGES, Advantage, Loss, distance, spread, surrogate, token_weights
from pipeline.align.guards import TAIL, WATCHED, Guards, told_of
from pipeline.align.ppo_losses import masked_mean
from pipeline.align.ppo_rollout import Answers, Scale, in_parts, logprobs_of, sample_answers, scale_of, scores_of, texts_of
from pipeline.align.rules import Asked, verdicts
from pipeline.align.sampling import Drift, Learning, Sampling, refuse_beyond_memory
from pipeline.core.bounds import OpenFraction
from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of
from pipeline.tokens.dialogues import Pair
from pipeline.train.duration import Pace
from pipeline.train.loop import train
from pipeline.train.precision import products
from pipeline.train.schedule import linear_decay, rows_of
from pipeline.train.settle import settled
from pipeline.train.workspace import History, Row, Workspace, mean_of

REWARD = "reward_"  # before the name of each judge: a column of the history

Judge = Callable[[Answers, Sequence[Asked]], Float[Tensor, " B"]]


@dataclass(frozen=True, kw_only=True)
class Groups(Sampling):
    """What the method adds; kl_coef is fixed."""

    group_size: Annotated[int, Field(ge=2)]  # answers a prompt
    advantage: Advantage
    loss: Loss
    clip_low: OpenFraction  # the probability ratio is held above 1 - clip_low
    clip_high: PositiveFloat  # and below 1 + clip_high
    kl_in: Literal["loss", "reward"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rollout_batch % self.group_size:
            fits = max(1, self.rollout_batch // self.group_size) * self.group_size
            raise ValueError(f"rollout_batch {self.rollout_batch} is no multiple of group_size {self.group_size}; rollout_batch={fits} is")
        if self.kl_in == "reward" and self.advantage == "group":
            raise ValueError("advantage=group would divide KL by its own deviation: kl_in=loss, or advantage=leave_one_out or centered")


@dataclass(frozen=True)
class Experience:
    """The answers of a step, and all that is fixed while the policy learns from them."""

    answers: Answers
    logprobs: Float[Tensor, "B T"]
    reference: Float[Tensor, "B T"]
    weights: Float[Tensor, "B T"]  # of each token in the loss
    advantages: Float[Tensor, " B"]

    def take(self, at: Int[Tensor, " N"]) -> "Experience":
        """Some of the answers, no longer than the longest of them."""
        answers = self.answers.take(at)
        logprobs, reference, weights = (one[at, : answers.mask.shape[1]] for one in (self.logprobs, self.reference, self.weights))
        return Experience(answers, logprobs, reference, weights, self.advantages[at])


@dataclass(frozen=True)
class Contest:
    """Who answers, who is the measure of KL, who judges by what name, what is asked, and who looks on."""

    policy: PreTrainedModel
    reference: PreTrainedModel
    judges: Mapping[str, Judge]
    asked: Sequence[Asked]
    guards: Guards


def by_model(reward: PreTrainedModel, scale: Scale, *, batch: int) -> Judge:
    """The reward model's number, of mean 0 and deviation 1 over the preferences."""
    return lambda answers, asked: scores_of(reward, answers, scale, missing_eos_penalty=0.0, batch=batch)


def as_learned(reward: PreTrainedModel, pairs: Sequence[Pair], *, clip: float, batch: int) -> Judge:
    """by_model, with the scale of the preferences."""
    return by_model(reward, scale_of(reward, pairs, clip=clip, batch=batch), batch=batch)


def by_rules(tokenizer: Tokenizer) -> Judge:
    """1 for a right answer, 0 for another; what was thought before has no say."""

    def judge(answers: Answers, asked: Sequence[Asked]) -> Float[Tensor, " B"]:
        right = verdicts([one.rule for one in asked], texts_of(answers, tokenizer))
        return torch.tensor(right, dtype=torch.float32, device=answers.ids.device)

    return judge


def improve(contest: Contest, recipe: Groups, workspace: Workspace) -> tuple[dict[str, Any], History]:
    """Train the policy in place; the metrics and the history by step.

    Where the duration counts tokens, it is by those of the answers, each as long as it may be: at most so many are sampled.
    """
    longest = max(len(one.prompt) for one in contest.asked)
    refuse_beyond_memory([contest.policy], longest, recipe, workspace)
    prompts = recipe.rollout_batch // recipe.group_size
    pace = Pace(len(contest.asked), prompts, recipe.rollout_batch * recipe.new_tokens)

    def trial(short: Groups, place: Workspace) -> None:
        train(_Learner(replace(contest, policy=copy.deepcopy(contest.policy)), short, place), short, place)

    recipe = settled(recipe, pace, workspace, trial)
    history = train(_Learner(contest, recipe, workspace), recipe, workspace)
    rewards = [name for name in history[0] if name.startswith(REWARD)]
    found = summary(history) | pace.told(recipe.steps) | {"tokens": round(sum(row["tokens"] for row in history) * recipe.rollout_batch)}
    found["alarms"], history = told_of(history, recipe.alarms, rewards, workspace)
    workspace.refuse_end("KL from the reference", found["last"]["kl"], most=recipe.max_kl, key="max_kl")
    return found, history


def summary(history: History) -> dict[str, Any]:
    """The figures of the first and of the last steps, averaged; the share of groups that taught nothing."""
    names = [name for name in history[0] if name.startswith(REWARD)] + ["kl", "entropy", "tokens", "ended", "dropped"]
    names += [name for name in WATCHED if name in history[0]]
    first, last = ({name: mean_of(rows, name) for name in names} for rows in (history[:TAIL], history[-TAIL:]))
    return {"first": first, "last": last, "dropped": mean_of(history, "dropped")}


def advantages_of(scores: Sequence[Float[Tensor, " B"]], recipe: Groups) -> tuple[Float[Tensor, " B"], Bool[Tensor, " B"]]:
    """What each answer is worth beside those to the same prompt, and whether its group tells anything.

    Each kind of reward is compared within the group before they are summed, so that none drowns another.
    """
    groups = [score.view(-1, recipe.group_size) for score in scores]
    worth = sum((ADVANTAGES[recipe.advantage](group) for group in groups), torch.zeros_like(groups[0]))
    tells = torch.stack([spread(group) for group in groups]).any(dim=0)
    return worth.flatten(), tells.repeat_interleave(recipe.group_size)


class _Learner:
    """The policy with its optimizer."""

    def __init__(self, contest: Contest, recipe: Groups, place: Workspace) -> None:
        self._contest, self._recipe, self._place = contest, recipe, place
        self.per_step: Mapping[str, float] = {"answers": recipe.rollout_batch}
        self.finished = False  # all rounds are played
        self._learning = Learning(contest.policy, rate=recipe.learning_rate, recipe=recipe, place=place)
        self._drift = Drift()

    def step(self, step: int, *, last: bool) -> Row:
        """Answer some prompts several times, and learn from what the answers earned."""
        recipe, asked = self._recipe, self._contest.asked
        prompts = recipe.rollout_batch // recipe.group_size
        numbers = rows_of(step, batch=prompts, rows=len(asked), seed=seed_of(recipe.seed, "grpo"))
        with products(recipe.precision, self._place.device):  # as in learning: a ratio of two precisions is no ratio of policies
            experience, tells, facts = self._gather([asked[number] for number in numbers for _ in range(recipe.group_size)], step)
        return facts | self._learn(experience, torch.nonzero(tells)[:, 0], step)

    @torch.no_grad()
    def _gather(self, asked: Sequence[Asked], step: int) -> tuple[Experience, Tensor, dict[str, float]]:
        """Let the policy answer, and find what each answer was worth; with it which of them teach, and the step's figures."""
        recipe, contest = self._recipe, self._contest
        batch, seed = recipe.micro_batch or len(asked), seed_of(recipe.seed, "grpo", "rollout", step)
        prompts = [one.prompt for one in asked]
        answers, logprobs, entropies = sample_answers(contest.policy, prompts, max_new_tokens=recipe.new_tokens, seed=seed, batch=batch)
        (reference,) = in_parts(lambda some: logprobs_of(contest.reference, some)[None], answers, batch=batch)
        kl = (logprobs - reference).masked_fill(~answers.mask, 0.0).sum(dim=1)
        raw = {name: judge(answers, asked) for name, judge in contest.judges.items()}
        unfinished = recipe.missing_eos_penalty * (~answers.ended).float()
        advantages, tells = advantages_of([score - unfinished for score in raw.values()], recipe)
        if recipe.kl_in == "reward":
            advantages = advantages + ADVANTAGES[recipe.advantage](-recipe.kl_coef * kl.view(-1, recipe.group_size)).flatten()
        facts = {f"{REWARD}{name}": score.mean().item() for name, score in raw.items()} | {
            "kl": kl.mean().item(),
            "entropy": masked_mean(entropies, answers.mask).item(),
            "tokens": answers.mask.sum(dim=1).float().mean().item(),
            "ended": answers.ended.float().mean().item(),
            "dropped": 1 - tells.float().mean().item(),
        }
        facts |= contest.guards.figures(contest.policy, answers, prompts, batch=batch)
        return Experience(answers, logprobs, reference, torch.zeros_like(kl)[:, None] * answers.mask, advantages), tells, facts

    def _learn(self, experience: Experience, at: Int[Tensor, " N"], step: int) -> dict[str, float]:
        """One pass over the answers that teach, in minibatches; the means of what their updates tell."""
        recipe = self._recipe
        if not len(at):
            return {"policy_loss": 0.0, "clipped": 0.0, "drift": 0.0}
        order = torch.from_numpy(Permutation(len(at), seed_of(recipe.seed, "grpo", "minibatch", step))[np.arange(len(at))])
        mean_tokens = experience.answers.mask[at].sum().item() / len(at)
        first, *others = torch.split(at[order.to(at.device)], recipe.mini_batch_size)
        self._drift.forget()
        losses = [self._update(experience.take(first), mean_tokens, step)]
        drift = self._drift.refused_beyond(recipe.precision, step, self._place)
        losses += [self._update(experience.take(some), mean_tokens, step) for some in others]
        loss, clipped = (sum(column) / len(column) for column in zip(*losses, strict=True))
        return {"policy_loss": loss, "clipped": clipped, "drift": drift}

    def _update(self, some: Experience, mean_tokens: float, step: int) -> list[float]:
        """The policy steps once on these answers. What a token counts is settled before they are parted."""
        recipe, mask = self._recipe, some.answers.mask
        weights = token_weights(mask, recipe.loss, mean_tokens=mean_tokens, most_tokens=recipe.new_tokens)
        whole, count = replace(some, weights=weights), int(mask.sum())

        def figures(part: Experience) -> tuple[Tensor, ...]:
            return self._policy_loss(part, count)

        parts = [(whole.take(at), 1.0) for at in torch.split(torch.arange(len(mask)), recipe.micro_batch or len(mask))]
        return self._learning.move(figures, parts, factor=linear_decay(step, steps=recipe.steps), step=step)

    def _policy_loss(self, part: Experience, count: int) -> tuple[Tensor, ...]:
        recipe, mask = self._recipe, part.answers.mask
        logprobs = logprobs_of(self._contest.policy, part.answers)
        terms, clipped = surrogate(logprobs, part.logprobs, part.advantages, mask, clip=(recipe.clip_low, recipe.clip_high))
        if recipe.kl_in == "loss" and recipe.kl_coef:
            terms = terms + recipe.kl_coef * distance(logprobs, part.reference, mask)
        self._drift.note(logprobs, part.logprobs, mask)
        return (terms * part.weights).sum(), clipped.sum() / count

    def tensors(self) -> dict[str, Tensor]:
        """All that the policy has learned and what its optimizer remembers."""
        return self._learning.tensors("policy")

    def state(self) -> dict[str, Any]:
        """How losses are scaled."""
        return {"policy": self._learning.state()}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Put back what tensors() and state() gave."""
        self._learning.load("policy", tensors, state["policy"])
