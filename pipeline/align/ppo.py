"""PPO: the policy answers, the reward model or a rule scores, the critic predicts, and KL holds the policy near to where it came from.

Ouyang et al. 2022 (step 3), Stiennon et al. 2020. The terms are in ppo_losses, one look at the answers in
ppo_rollout; here is the loop. Every random stream is derived from the step number, so a checkpoint needs none.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import PositiveFloat, PositiveInt
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align.group_losses import distance
from pipeline.align.guards import TAIL, WATCHED, Guards, told_of
from pipeline.align.ppo_losses import adapted_kl_coef, gae, masked_mean, policy_loss, scaled, token_rewards, value_loss, whiten
from pipeline.align.ppo_rollout import Answers, Scale, ScoreClip, in_parts, logprobs_of, sample_answers, scores_of, texts_of, values_of
from pipeline.align.rules import Asked, Reward, verdicts
from pipeline.align.sampling import Drift, Learning, Sampling, refuse_beyond_memory
from pipeline.core.bounds import Fraction, OpenFraction, PositiveFraction
from pipeline.core.errors import InputError
from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of
from pipeline.train.duration import Pace
from pipeline.train.loop import train
from pipeline.train.precision import products
from pipeline.train.schedule import linear_decay, rows_of
from pipeline.train.settle import settled
from pipeline.train.workspace import History, Row, Workspace, mean_of

REWARDS = ("score",)  # whose rise is watched


@dataclass(frozen=True, kw_only=True)
class Rollouts(Sampling):
    """What the method adds; kl_coef is that at the start, in deviations of the reward a nat."""

    critic_learning_rate: PositiveFloat  # decays linearly to zero
    kl_target: PositiveFloat | None  # nats an answer, to which kl_coef adapts; None: kl_coef stays as it is
    kl_gain: PositiveFloat  # of that controller; unread without a target
    gamma: PositiveFraction  # discount, a token
    gae_lambda: Fraction
    score_clip: ScoreClip
    whiten_rewards: bool  # of the tokens of a step; advantages are whitened always
    ppo_epochs: PositiveInt  # passes over the answers of a step
    clip_low: OpenFraction  # the probability ratio is held above 1 - clip_low
    clip_high: PositiveFloat  # and below 1 + clip_high
    value_clip: PositiveFloat | None  # of the critic's move, in deviations of the reward; None: as far as it likes
    stop_kl: PositiveFloat | None  # nats a token from the policy that answered, beyond which a step's updates end; None: never


Right = Callable[[Answers, Sequence[list[int]]], Sequence[bool]]  # of each answer to its prompt


def by_rules(asked: Sequence[Asked], tokenizer: Tokenizer) -> Right:
    """Whether an answer is right by its prompt's rule; what was thought before has no say."""
    rules = {tuple(one.prompt): one.rule for one in asked}
    return lambda answers, prompts: verdicts([rules[tuple(prompt)] for prompt in prompts], texts_of(answers, tokenizer))


def judges(
    who: Reward, model: PreTrainedModel, asked: Sequence[Asked], tokenizer: Tokenizer, *, section: str
) -> tuple[PreTrainedModel | None, Right | None]:
    """The model and the rules, each where it has a say. InputError where there is no prompt for them."""
    if not asked:
        what = "no prompt with room for an answer" + (" that a rule can check" if who != "model" else "")
        raise InputError(what, mend=f"{section}.reward=model" if who != "model" else f"a longer {section}.max_length")
    return None if who == "rule" else model, None if who == "model" else by_rules(asked, tokenizer)


@dataclass(frozen=True)
class Players:
    """Policy and critic learn; reference and judges stay as they are. The critic starts as a copy of the reward model, whoever judges.

    The guards look on.
    """

    policy: PreTrainedModel
    critic: PreTrainedModel
    reference: PreTrainedModel
    guards: Guards
    reward: PreTrainedModel | None  # None: it has no say
    right: Right | None = None  # None: no rule has a say

    def scores(
        self, answers: Answers, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts, *, batch: int
    ) -> tuple[Float[Tensor, " B"], dict[str, float]]:
        """What each answer earned, in deviations of the reward model: its number, 1 for right and -1 for wrong by rule, or the sum of
        both, less what a missing end costs; and the share of right answers where a rule says so (Tülu 3, Lambert et al. 2024)."""
        penalty = recipe.missing_eos_penalty
        if self.reward:
            scores = scores_of(self.reward, answers, scale, missing_eos_penalty=penalty, batch=batch)
        else:
            scores = -penalty * (~answers.ended).float()
        if not self.right:
            return scores, {}
        right = torch.tensor(self.right(answers, prompts), dtype=torch.float32, device=scores.device)
        return scores + 2 * right - 1, {"right": right.mean().item()}


@dataclass(frozen=True)
class Experience:
    """The answers of a step and all that is fixed while policy and critic learn from them."""

    answers: Answers
    logprobs: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    advantages: Float[Tensor, "B T"]
    returns: Float[Tensor, "B T"]

    def take(self, at: Int[Tensor, " N"]) -> "Experience":
        """Some of the answers, no longer than the longest of them."""
        answers = self.answers.take(at)
        fixed = (self.logprobs, self.values, self.advantages, self.returns)
        return Experience(answers, *(one[at, : answers.mask.shape[1]] for one in fixed))


def improve(
    players: Players, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts, workspace: Workspace
) -> tuple[dict[str, Any], History]:
    """Train policy and critic in place; the metrics and the history by step.

    Where the duration counts tokens, it is by those of the answers, each as long as it may be: at most so many are sampled.
    """
    refuse_beyond_memory([players.policy, players.critic], max(len(prompt) for prompt in prompts), recipe, workspace)
    pace = Pace(len(prompts), recipe.rollout_batch, recipe.rollout_batch * recipe.new_tokens)

    def trial(short: Rollouts, place: Workspace) -> None:
        learners = replace(players, policy=copy.deepcopy(players.policy), critic=copy.deepcopy(players.critic))
        train(_ActorCritic(learners, prompts, scale, short, place), short, place)

    recipe = settled(recipe, pace, workspace, trial)
    history = train(_ActorCritic(players, prompts, scale, recipe, workspace), recipe, workspace)
    sampled = round(sum(row["tokens"] for row in history) * recipe.rollout_batch)
    found = summary(history) | pace.told(recipe.steps) | {"tokens": sampled}
    found["alarms"], history = told_of(history, recipe.alarms, REWARDS, workspace)
    workspace.refuse_end("KL from the reference", found["last"]["kl"], most=recipe.max_kl, key="max_kl")
    return found, history


@torch.no_grad()
def gather(
    players: Players, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts, *, step: int, kl_coef: float
) -> tuple[Experience, dict[str, float]]:
    """Let the policy answer the prompts, and find what each token was worth; with it the step's figures."""
    batch = recipe.micro_batch or len(prompts)
    seed = seed_of(recipe.seed, "ppo", "rollout", step)
    answers, logprobs, entropies = sample_answers(players.policy, prompts, max_new_tokens=recipe.new_tokens, seed=seed, batch=batch)
    mask = answers.mask

    def look(some: Answers) -> Float[Tensor, "K B T"]:
        return torch.stack([logprobs_of(players.reference, some), values_of(players.critic, some, scale)])

    reference, values = in_parts(look, answers, batch=batch)
    kl = logprobs - reference
    scores, told = players.scores(answers, prompts, scale, recipe, batch=batch)
    rewards = token_rewards(scores, kl, mask, kl_coef=kl_coef)
    earned = scaled(rewards, mask) if recipe.whiten_rewards else rewards
    advantages, returns = gae(earned, values, mask, discount=recipe.gamma, smoothing=recipe.gae_lambda)
    facts = told | {
        "score": scores.mean().item(),
        "reward": rewards.sum(dim=1).mean().item(),
        "kl": kl.masked_fill(~mask, 0.0).sum(dim=1).mean().item(),
        "kl_coef": kl_coef,
        "entropy": masked_mean(entropies, mask).item(),
        "tokens": mask.sum(dim=1).float().mean().item(),
        "ended": answers.ended.float().mean().item(),
    }
    return Experience(answers, logprobs, values, whiten(advantages, mask), returns), facts


def summary(history: History) -> dict[str, Any]:
    """The figures of the first and of the last steps, averaged."""
    names = [name for name in ("score", "right", "reward", "kl", "entropy", "tokens", "ended", *WATCHED) if name in history[0]]
    first, last = ({name: mean_of(rows, name) for name in names} for rows in (history[:TAIL], history[-TAIL:]))
    return {"first": first, "last": last, "kl_coef": history[-1]["kl_coef"]}


class _ActorCritic:
    """The learner: policy and critic, each with its optimizer, and the coefficient of KL, which follows the distance."""

    def __init__(self, players: Players, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts, place: Workspace) -> None:
        self._players, self._prompts, self._scale, self._recipe, self._place = players, prompts, scale, recipe, place
        self._kl_coef = recipe.kl_coef
        self.per_step: Mapping[str, float] = {"answers": recipe.rollout_batch}
        self.finished = False  # all rounds are played
        self._drift = Drift()
        self._learning = {
            "policy": Learning(players.policy, rate=recipe.learning_rate, recipe=recipe, place=place),
            "critic": Learning(players.critic, rate=recipe.critic_learning_rate, recipe=recipe, place=place),
        }

    def step(self, step: int, *, last: bool) -> Row:
        """Answer some prompts, and learn from what the answers earned."""
        recipe = self._recipe
        numbers = rows_of(step, batch=recipe.rollout_batch, rows=len(self._prompts), seed=seed_of(recipe.seed, "ppo"))
        asked = [self._prompts[number] for number in numbers]
        with products(recipe.precision, self._place.device):  # as in learning: a ratio of two precisions is no ratio of policies
            experience, facts = gather(self._players, asked, self._scale, recipe, step=step, kl_coef=self._kl_coef)
            batch = recipe.micro_batch or len(asked)
            facts |= self._players.guards.figures(self._players.policy, experience.answers, asked, batch=batch)
        facts |= self._learn(experience, step)
        if recipe.kl_target is not None:
            self._kl_coef = adapted_kl_coef(self._kl_coef, facts["kl"], target=recipe.kl_target, gain=recipe.kl_gain)
        return dict(facts)

    def _learn(self, experience: Experience, step: int) -> dict[str, float]:
        """Some passes over the experience in minibatches; the means of what their updates tell.

        They end early with an update that finds the policy further than stop_kl from the one that answered.
        """
        recipe, size = self._recipe, len(experience.answers.ids)
        turns = [seed_of(recipe.seed, "ppo", "minibatch", step, turn) for turn in range(recipe.ppo_epochs)]
        orders = [torch.from_numpy(Permutation(size, seed)[np.arange(size)]) for seed in turns]
        first, *others = [at for order in orders for at in torch.split(order, recipe.mini_batch_size)]
        self._drift.forget()
        updates = [self._update(experience, first, step)]
        drift = self._drift.refused_beyond(recipe.precision, step, self._place)
        for at in others:
            if recipe.stop_kl is not None and updates[-1]["approx_kl"] > recipe.stop_kl:
                break
            updates.append(self._update(experience, at, step))
        means = {name: sum(one[name] for one in updates) / len(updates) for name in updates[0]}
        stopped = {} if recipe.stop_kl is None else {"updates": len(updates)}
        return means | stopped | {"drift": drift}

    def _update(self, experience: Experience, at: Tensor, step: int) -> dict[str, float]:
        """Policy and critic each step once on these answers. A part weighs by its tokens. KL is that before the step."""
        parts = [experience.take(part) for part in torch.split(at, self._recipe.micro_batch or len(at))]
        tokens = [int(part.answers.mask.sum()) for part in parts]
        weighed = [(part, some / sum(tokens)) for part, some in zip(parts, tokens, strict=True)]
        factor = linear_decay(step, steps=self._recipe.steps)
        loss, clipped, approx_kl = self._learning["policy"].move(self._policy_loss, weighed, factor=factor, step=step)
        (critic_loss,) = self._learning["critic"].move(self._value_loss, weighed, factor=factor, step=step)
        return {"policy_loss": loss, "value_loss": critic_loss, "clipped": clipped, "approx_kl": approx_kl}

    def _policy_loss(self, part: Experience) -> tuple[Tensor, ...]:
        recipe, mask = self._recipe, part.answers.mask
        logprobs = logprobs_of(self._players.policy, part.answers)
        self._drift.note(logprobs, part.logprobs, mask)
        figures = policy_loss(logprobs, part.logprobs, part.advantages, mask, clip=(recipe.clip_low, recipe.clip_high))
        return *figures, masked_mean(distance(part.logprobs, logprobs.detach(), mask), mask)

    def _value_loss(self, part: Experience) -> tuple[Tensor, ...]:
        values = values_of(self._players.critic, part.answers, self._scale)
        return (value_loss(values, part.values, part.returns, part.answers.mask, clip=self._recipe.value_clip),)

    def tensors(self) -> dict[str, Tensor]:
        """All that the two have learned and what their optimizers remember."""
        return {key: value for name, one in self._learning.items() for key, value in one.tensors(name).items()}

    def state(self) -> dict[str, Any]:
        """The coefficient of KL, and how losses are scaled."""
        return {"kl_coef": self._kl_coef} | {name: one.state() for name, one in self._learning.items()}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Put back what tensors() and state() gave."""
        for name, one in self._learning.items():
            one.load(name, tensors, state[name])
        self._kl_coef = state["kl_coef"]
