"""PPO: the policy answers, the reward model scores, the critic predicts, and KL holds the policy near to where it came from.

Ouyang et al. 2022 (step 3), Stiennon et al. 2020. The terms are in ppo_losses, one look at the answers in
ppo_rollout; here is the loop. Every random stream is derived from the step number, so a checkpoint needs none.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from pipeline.align.ppo_losses import adapted_kl_coef, gae, masked_mean, policy_loss, token_rewards, value_loss, whiten
from pipeline.align.ppo_rollout import Answers, Scale, in_parts, logprobs_of, sample_answers, scores_of, values_of
from pipeline.core.errors import PipelineError
from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of
from pipeline.model import memory
from pipeline.model.reward import rewards_of
from pipeline.tokens.dialogues import ANSWER_STEP, Length, Pair, length_for
from pipeline.train.checkpoint import below, load_weights, prefixed, weights_of
from pipeline.train.duration import Pace
from pipeline.train.loop import train
from pipeline.train.optimizers.adamw import AdamWSettings
from pipeline.train.optimizers.base import Group
from pipeline.train.recipe import Recipe
from pipeline.train.schedule import linear_decay, rows_of
from pipeline.train.settle import settled
from pipeline.train.workspace import History, Row, Workspace, mean_of

DISCOUNT = 1.0  # an answer is short: its end counts in full
SMOOTHING = 0.95  # GAE's lambda, Ziegler et al. 2019
CLIP = 0.2  # of the probability ratio, Schulman et al. 2017
VALUE_CLIP = 0.2  # of the critic's move, in deviations of the reward
PASSES = 1  # over the answers of a step: a second look costs as much as fresh answers
BETAS = (0.9, 0.95)  # of Adam: the second moment forgets within the few steps there are
KL_GAIN = 0.5  # of the controller; Ziegler et al. take 0.1 over thousands of steps, here are dozens
SCORE_BOUND = 4.0  # deviations: a reward model far outside what it was trained on is not to be believed
SCALE_PAIRS = 128  # preferences from which mean and deviation of the reward are taken
TAIL = 5  # steps: the first and the last of the history are averaged for the metrics


@dataclass(frozen=True, kw_only=True)
class Rollouts(Recipe):
    """What conf sets."""

    max_length: Length  # tokens of a prompt and its answer
    max_dropped: Annotated[float, Field(ge=0, le=1)]  # share of the pairs, and of the prompts, that may be longer
    max_new_tokens: Length  # of an answer
    rollout_batch: PositiveInt  # answers a step
    mini_batch_size: PositiveInt  # answers an update
    micro_batch: PositiveInt | None  # answers at once, sampled or learned from; None: all of a step, all of an update
    learning_rate: PositiveFloat  # of the policy; both rates decay linearly to zero
    critic_learning_rate: PositiveFloat
    kl_coef: NonNegativeFloat  # at the start, deviations of the reward a nat
    kl_target: PositiveFloat  # nats an answer
    max_kl: PositiveFloat | None  # nats an answer after training; None: whatever it is
    missing_eos_penalty: NonNegativeFloat  # deviations of the reward

    def __post_init__(self) -> None:
        if self.micro_batch is not None and self.micro_batch > self.rollout_batch:
            raise ValueError(f"micro_batch {self.micro_batch} is above rollout_batch {self.rollout_batch}: it would have no effect")

    def settled(self, pairs: Sequence[Pair], *, context: int) -> "Rollouts":
        """With the room that the better answers ask for, where it is to be taken from them."""
        if self.max_new_tokens != "auto":
            return self
        lengths = [len(pair.chosen) for pair in pairs]
        return replace(self, max_new_tokens=length_for(lengths, step=ANSWER_STEP, most=context // 2))

    @property
    def new_tokens(self) -> int:
        """Tokens of an answer, at most."""
        if isinstance(self.max_new_tokens, str):
            raise ValueError("max_new_tokens is auto: settle it by the pairs")
        return self.max_new_tokens


@dataclass(frozen=True)
class Players:
    """Policy and critic learn; reference and reward model stay as they are. The critic starts as a copy of the reward model."""

    policy: PreTrainedModel
    critic: PreTrainedModel
    reference: PreTrainedModel
    reward: PreTrainedModel


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
    refuse_beyond_memory(players, max(len(prompt) for prompt in prompts), recipe, workspace)
    pace = Pace(len(prompts), recipe.rollout_batch, recipe.rollout_batch * recipe.new_tokens)

    def trial(short: Rollouts, place: Workspace) -> None:
        learners = replace(players, policy=copy.deepcopy(players.policy), critic=copy.deepcopy(players.critic))
        train(_ActorCritic(learners, prompts, scale, short), short, place)

    recipe = settled(recipe, pace, workspace, trial)
    history = train(_ActorCritic(players, prompts, scale, recipe), recipe, workspace)
    sampled = round(sum(row["tokens"] for row in history) * recipe.rollout_batch)
    found = summary(history) | pace.told(recipe.steps) | {"tokens": sampled}
    workspace.refuse_end("KL from the reference", found["last"]["kl"], most=recipe.max_kl, key="max_kl")
    return found, history


def refuse_beyond_memory(players: Players, longest: int, recipe: Rollouts, workspace: Workspace) -> None:
    """OutOfMemory when sampling or an update takes more than is free; prompts have at most `longest` tokens."""
    policy, new, key = players.policy, recipe.new_tokens, f"{workspace.section}.micro_batch"
    state, free = memory.state(players.policy, players.critic), memory.free(workspace.device)
    written = memory.logits(policy, tokens=new, copies=5)  # themselves, their softmax, and its gradient or the terms of the entropy
    rollout = max(memory.sampling(policy, prompt=longest, new=new), memory.passing(policy, tokens=longest + new) + written)
    update = memory.learning(policy, tokens=longest + new) + written
    for rows, row in ((recipe.rollout_batch, rollout), (recipe.mini_batch_size, update)):
        memory.Need(state, row).refuse_beyond(free, rows=min(recipe.micro_batch or rows, rows), key=key)


@torch.no_grad()
def gather(
    players: Players, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts, *, step: int, kl_coef: float
) -> tuple[Experience, dict[str, float]]:
    """Let the policy answer the prompts, and find what each token was worth; with it the step's figures."""
    batch = recipe.micro_batch or len(prompts)
    seed = seed_of(recipe.seed, "ppo", "rollout", step)
    answers = sample_answers(players.policy, prompts, max_new_tokens=recipe.new_tokens, seed=seed, batch=batch)
    mask = answers.mask

    def look(some: Answers) -> Float[Tensor, "K B T"]:
        reference, _ = logprobs_of(players.reference, some)
        return torch.stack([*logprobs_of(players.policy, some), reference, values_of(players.critic, some, scale)])

    logprobs, entropies, reference, values = in_parts(look, answers, batch=batch)
    kl = logprobs - reference
    scores = scores_of(players.reward, answers, scale, missing_eos_penalty=recipe.missing_eos_penalty, batch=batch)
    rewards = token_rewards(scores, kl, mask, kl_coef=kl_coef)
    advantages, returns = gae(rewards, values, mask, discount=DISCOUNT, smoothing=SMOOTHING)
    facts = {
        "score": scores.mean().item(),
        "reward": rewards.sum(dim=1).mean().item(),
        "kl": kl.masked_fill(~mask, 0.0).sum(dim=1).mean().item(),
        "kl_coef": kl_coef,
        "entropy": masked_mean(entropies, mask).item(),
        "tokens": mask.sum(dim=1).float().mean().item(),
        "ended": answers.ended.float().mean().item(),
    }
    return Experience(answers, logprobs, values, whiten(advantages, mask), returns), facts


def scale_of(reward: PreTrainedModel, pairs: Sequence[Pair], *, batch: int) -> Scale:
    """Mean and deviation of the reward over both answers of the first preferences."""
    sequences = [[*pair.prompt, *answer] for pair in pairs[:SCALE_PAIRS] for answer in (pair.chosen, pair.rejected)]
    rewards = rewards_of(reward, sequences, batch=batch).double()
    deviation = rewards.std(correction=0).item()
    if not deviation > 0:
        raise PipelineError(
            "the reward model gives every answer the same score: there is nothing to learn from it", mend="a longer reward.duration"
        )
    return Scale(rewards.mean().item(), deviation, SCORE_BOUND)


def summary(history: History) -> dict[str, Any]:
    """The figures of the first and of the last steps, averaged."""
    names = ("score", "reward", "kl", "entropy", "tokens", "ended")
    first, last = ({name: mean_of(rows, name) for name in names} for rows in (history[:TAIL], history[-TAIL:]))
    return {"first": first, "last": last, "kl_coef": history[-1]["kl_coef"]}


Figures = Callable[[Experience], tuple[Tensor, ...]]  # the loss and what is told beside it, each a mean over tokens


class _ActorCritic:
    """The learner: policy and critic, each with its optimizer, and the coefficient of KL, which follows the distance."""

    def __init__(self, players: Players, prompts: Sequence[list[int]], scale: Scale, recipe: Rollouts) -> None:
        self._players, self._prompts, self._scale, self._recipe = players, prompts, scale, recipe
        self._kl_coef = recipe.kl_coef
        self.per_step: Mapping[str, float] = {"answers": recipe.rollout_batch}
        self.finished = False  # all rounds are played
        rates = {"policy": recipe.learning_rate, "critic": recipe.critic_learning_rate}
        self._modules = {"policy": players.policy, "critic": players.critic}
        self._optimizers = {
            name: AdamWSettings(lr=rate, beta1=BETAS[0], beta2=BETAS[1], weight_decay=0.0, cautious=False).build(
                [Group(dict(self._modules[name].named_parameters()), rate, 0.0)]
            )
            for name, rate in rates.items()
        }

    def step(self, step: int, *, last: bool) -> Row:
        """Answer some prompts, and learn from what the answers earned."""
        recipe = self._recipe
        numbers = rows_of(step, batch=recipe.rollout_batch, rows=len(self._prompts), seed=seed_of(recipe.seed, "ppo"))
        asked = [self._prompts[number] for number in numbers]
        experience, facts = gather(self._players, asked, self._scale, recipe, step=step, kl_coef=self._kl_coef)
        facts |= self._learn(experience, step)
        self._kl_coef = adapted_kl_coef(self._kl_coef, facts["kl"], target=recipe.kl_target, gain=KL_GAIN)
        return dict(facts)

    def _learn(self, experience: Experience, step: int) -> dict[str, float]:
        """Some passes over the experience in minibatches; the mean losses and the share of clipped tokens."""
        recipe, size = self._recipe, len(experience.answers.ids)
        losses = []
        for turn in range(PASSES):
            order = torch.from_numpy(Permutation(size, seed_of(recipe.seed, "ppo", "minibatch", step, turn))[np.arange(size)])
            losses += [
                self._update(experience, at, linear_decay(step, steps=recipe.steps)) for at in torch.split(order, recipe.mini_batch_size)
            ]
        means = [sum(values) / len(values) for values in zip(*losses, strict=True)]
        return dict(zip(("policy_loss", "value_loss", "clipped"), means, strict=True))

    def _update(self, experience: Experience, at: Tensor, factor: float) -> tuple[float, float, float]:
        """Policy and critic each step once on these answers."""
        parts = [experience.take(part) for part in torch.split(at, self._recipe.micro_batch or len(at))]
        loss, clipped = self._move("policy", self._policy_loss, parts, factor)
        (critic_loss,) = self._move("critic", self._value_loss, parts, factor)
        return loss, critic_loss, clipped

    def _policy_loss(self, part: Experience) -> tuple[Tensor, ...]:
        logprobs, _ = logprobs_of(self._modules["policy"], part.answers)
        return policy_loss(logprobs, part.logprobs, part.advantages, part.answers.mask, clip=CLIP)

    def _value_loss(self, part: Experience) -> tuple[Tensor, ...]:
        values = values_of(self._modules["critic"], part.answers, self._scale)
        return (value_loss(values, part.values, part.returns, part.answers.mask, clip=VALUE_CLIP),)

    def _move(self, name: str, figures: Figures, parts: Sequence[Experience], factor: float) -> list[float]:
        """One step down the first of the figures; they come back for all the parts. A part weighs by its tokens."""
        tokens = [int(part.answers.mask.sum()) for part in parts]
        self._modules[name].zero_grad()
        found = []
        for part, share in zip(parts, (some / sum(tokens) for some in tokens), strict=True):
            weighed = [figure * share for figure in figures(part)]
            weighed[0].backward()  # type: ignore[no-untyped-call]
            found.append([figure.item() for figure in weighed])
        clip_grad_norm_(self._modules[name].parameters(), self._recipe.max_grad_norm)
        self._optimizers[name].step(factor)
        return [sum(column) for column in zip(*found, strict=True)]

    def tensors(self) -> dict[str, Tensor]:
        """All that the two have learned and what their optimizers remember."""
        parts = {f"{name}/weights": weights_of(module) for name, module in self._modules.items()}
        parts |= {f"{name}/optimizer": one.tensors() for name, one in self._optimizers.items()}
        return {key: value for prefix, part in parts.items() for key, value in prefixed(prefix, part).items()}

    def state(self) -> dict[str, Any]:
        """The coefficient of KL."""
        return {"kl_coef": self._kl_coef}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Put back what tensors() and state() gave."""
        for name, module in self._modules.items():
            load_weights(module, below(f"{name}/weights", tensors))
            self._optimizers[name].load(below(f"{name}/optimizer", tensors))
        self._kl_coef = state["kl_coef"]
