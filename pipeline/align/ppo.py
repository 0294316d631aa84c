"""PPO: the policy answers, the judge scores, the critic foresees, and KL holds the policy near to where it came from.

Ouyang et al. 2022 (step 3), Stiennon et al. 2020. The terms are in ppo_losses, one look at the answers in
ppo_rollout; here is the loop. Every random stream is derived from the step number, so a checkpoint needs none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from transformers import PreTrainedModel

from pipeline.align.place import History, Place, refuse_nan
from pipeline.align.ppo_losses import adapted_kl_weight, gae, masked_mean, policy_loss, token_rewards, value_loss, whiten
from pipeline.align.ppo_rollout import Answers, Scale, logprobs_of, sample_answers, scores_of, values_of
from pipeline.core.errors import PipelineError
from pipeline.core.order import Permutation
from pipeline.core.progress import progress
from pipeline.core.seed import seed_of
from pipeline.model.reward import rewards_of
from pipeline.tokens.dialogues import Pair
from pipeline.train.checkpoint import Checkpoints, load_weights, weights_of
from pipeline.train.optimizer import AdamW, AdamWSettings
from pipeline.train.schedule import rows_of
from pipeline.train.stop import Interrupted, Stop

DISCOUNT = 1.0  # an answer is short: its end counts in full
SMOOTHING = 0.95  # GAE's lambda, Ziegler et al. 2019
CLIP = 0.2  # of the probability ratio, Schulman et al. 2017
VALUE_CLIP = 0.2  # of the critic's move, in deviations of the judge
PASSES = 1  # over the answers of a step: a second look costs as much as fresh answers
GRADIENT_NORM = 1.0
BETAS = (0.9, 0.95)  # of Adam: the second moment forgets within the few steps there are
KL_GAIN = 0.5  # of the controller; Ziegler et al. take 0.1 over thousands of steps, here are dozens
SCORE_BOUND = 4.0  # deviations: a judge far outside what it was trained on is not to be believed
SCALE_PAIRS = 128  # preferences from which mean and deviation of the judge are taken
TAIL = 5  # steps: the first and the last of the history are averaged for the metrics


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What conf sets."""

    steps: int
    prompts: int  # a step
    minibatch: int  # answers an update
    room: int  # tokens an answer may have
    learning_rate: float  # of the policy; both rates decay linearly to zero
    critic_learning_rate: float
    kl_weight: float  # at the start, deviations of the judge a nat
    kl_target: float  # nats an answer
    no_end_penalty: float  # deviations of the judge
    checkpoint_steps: int
    seed: int


@dataclass(frozen=True)
class Players:
    """Policy and critic learn; reference and judge stay as they are. The critic starts as a copy of the judge."""

    policy: PreTrainedModel
    critic: PreTrainedModel
    reference: PreTrainedModel
    judge: PreTrainedModel


@dataclass(frozen=True)
class Experience:
    """The answers of a step and all that is fixed while policy and critic learn from them."""

    answers: Answers
    logprobs: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    advantages: Float[Tensor, "B T"]
    returns: Float[Tensor, "B T"]


def improve(
    players: Players, prompts: Sequence[list[int]], scale: Scale, settings: Settings, place: Place
) -> tuple[dict[str, Any], History]:
    """Train policy and critic in place; the metrics and the history by step.

    Goes on from the newest whole checkpoint in scratch, to the same bits. Interrupted after SIGTERM or Ctrl-C.
    """
    learners = _Learners(players, scale, settings)
    checkpoints = Checkpoints(place.scratch, settings.checkpoint_steps)
    done, kl_weight, history = _resume(checkpoints, learners, settings)
    with Stop() as stop:
        for step in progress(range(done, settings.steps), "ppo", total=settings.steps, start=done):
            numbers = rows_of(step, batch=settings.prompts, rows=len(prompts), seed=seed_of(settings.seed, "ppo"))
            asked = [prompts[number] for number in numbers]
            experience, facts = gather(players, asked, scale, settings, step=step, kl_weight=kl_weight)
            facts |= learners.learn(experience, step)
            kl_weight = adapted_kl_weight(kl_weight, facts["kl"], target=settings.kl_target, gain=KL_GAIN)
            done, last = step + 1, step + 1 == settings.steps
            history.append({"step": done, **facts})
            refuse_nan(facts["policy_loss"] + facts["value_loss"], step=done, section="ppo")
            place.track(done, facts)
            if (checkpoints.due(done) or stop.asked) and not last:
                checkpoints.save(done, learners.tensors(), {"kl_weight": kl_weight, "history": history})
            if stop.asked and not last:
                raise Interrupted(done)
    return summary(history), history


def _resume(checkpoints: Checkpoints, learners: "_Learners", settings: Settings) -> tuple[int, float, History]:
    """Steps done, weight of KL and history of the newest whole checkpoint, its weights put back; or a beginning."""
    if (found := checkpoints.latest()) is None:
        return 0, settings.kl_weight, []
    step, tensors, state = found
    learners.load(tensors)
    return step, state["kl_weight"], state["history"]


@torch.no_grad()
def gather(
    players: Players, prompts: Sequence[list[int]], scale: Scale, settings: Settings, *, step: int, kl_weight: float
) -> tuple[Experience, dict[str, float]]:
    """Let the policy answer the prompts, and find what each token was worth; with it the step's figures."""
    answers = sample_answers(players.policy, prompts, room=settings.room, seed=seed_of(settings.seed, "ppo", "rollout", step))
    mask = answers.mask
    logprobs, entropies = logprobs_of(players.policy, answers)
    kl = logprobs - logprobs_of(players.reference, answers)[0]
    scores = scores_of(players.judge, answers, scale, no_end_penalty=settings.no_end_penalty)
    values = values_of(players.critic, answers, scale)
    rewards = token_rewards(scores, kl, mask, kl_weight=kl_weight)
    advantages, returns = gae(rewards, values, mask, discount=DISCOUNT, smoothing=SMOOTHING)
    facts = {
        "score": scores.mean().item(),
        "reward": rewards.sum(dim=1).mean().item(),
        "kl": kl.masked_fill(~mask, 0.0).sum(dim=1).mean().item(),
        "kl_weight": kl_weight,
        "entropy": masked_mean(entropies, mask).item(),
        "tokens": mask.sum(dim=1).float().mean().item(),
        "ended": answers.ended.float().mean().item(),
    }
    return Experience(answers, logprobs, values, whiten(advantages, mask), returns), facts


def scale_of(judge: PreTrainedModel, pairs: Sequence[Pair], *, batch: int) -> Scale:
    """Mean and deviation of the judge over both answers of the first preferences."""
    sequences = [[*pair.prompt, *answer] for pair in pairs[:SCALE_PAIRS] for answer in (pair.chosen, pair.rejected)]
    rewards = rewards_of(judge, sequences, batch=batch).double()
    deviation = rewards.std(correction=0).item()
    if not deviation > 0:
        raise PipelineError("the judge gives every answer the same score: there is nothing to learn from it", mend="more reward.steps")
    return Scale(rewards.mean().item(), deviation, SCORE_BOUND)


def summary(history: History) -> dict[str, Any]:
    """The figures of the first and of the last steps, averaged."""
    names = ("score", "reward", "kl", "entropy", "tokens", "ended")

    def mean(rows: History) -> dict[str, float]:
        return {name: sum(row[name] for row in rows) / len(rows) for name in names}

    return {"steps": len(history), "first": mean(history[:TAIL]), "last": mean(history[-TAIL:]), "kl_weight": history[-1]["kl_weight"]}


class _Learners:
    """Policy and critic, each with its optimizer: one object to train, keep and restore."""

    def __init__(self, players: Players, scale: Scale, settings: Settings) -> None:
        self._scale, self._settings = scale, settings
        rates = {"policy": settings.learning_rate, "critic": settings.critic_learning_rate}
        self._modules = {"policy": players.policy, "critic": players.critic}
        self._optimizers = {
            name: AdamW(dict(module.named_parameters()), AdamWSettings(lr=rates[name], beta1=BETAS[0], beta2=BETAS[1], weight_decay=0.0))
            for name, module in self._modules.items()
        }

    def learn(self, experience: Experience, step: int) -> dict[str, float]:
        """Some passes over the experience in minibatches; the mean losses and the share of clipped tokens."""
        settings, size = self._settings, len(experience.answers.ids)
        losses = []
        for turn in range(PASSES):
            order = torch.from_numpy(Permutation(size, seed_of(settings.seed, "ppo", "minibatch", step, turn))[np.arange(size)])
            losses += [self._update(experience, at, 1 - step / settings.steps) for at in torch.split(order, settings.minibatch)]
        means = [sum(values) / len(values) for values in zip(*losses, strict=True)]
        return dict(zip(("policy_loss", "value_loss", "clipped"), means, strict=True))

    def _update(self, experience: Experience, at: Tensor, factor: float) -> tuple[float, float, float]:
        answers = experience.answers.take(at)
        time = answers.mask.shape[1]
        logprobs, _ = logprobs_of(self._modules["policy"], answers)
        old, advantages = experience.logprobs[at, :time], experience.advantages[at, :time]
        loss, clipped = policy_loss(logprobs, old, advantages, answers.mask, clip=CLIP)
        self._step("policy", loss, factor)
        values = values_of(self._modules["critic"], answers, self._scale)
        before, returns = experience.values[at, :time], experience.returns[at, :time]
        critic_loss = value_loss(values, before, returns, answers.mask, clip=VALUE_CLIP)
        self._step("critic", critic_loss, factor)
        return loss.item(), critic_loss.item(), clipped.item()

    def _step(self, name: str, loss: Tensor, factor: float) -> None:
        self._modules[name].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self._modules[name].parameters(), GRADIENT_NORM)
        self._optimizers[name].step(factor)

    def tensors(self) -> dict[str, Tensor]:
        """All that the two have learned and what their optimizers remember."""
        weights = {f"{name}/weights/{key}": value for name, module in self._modules.items() for key, value in weights_of(module).items()}
        memory = {f"{name}/memory/{key}": value for name, one in self._optimizers.items() for key, value in one.tensors().items()}
        return weights | memory

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        for name, module in self._modules.items():
            load_weights(module, _below(f"{name}/weights/", tensors))
            self._optimizers[name].load(_below(f"{name}/memory/", tensors))


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
