"""Each method in miniature, with all that a resumed run must repeat: weights and history."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align import cpo, direct, orpo, simpo
from pipeline.align import grpo as grpo_method
from pipeline.align import kto as kto_method
from pipeline.align import ppo as ppo_method
from pipeline.align.adapters import AnyAdapter, Full, LowRank, attach, attach_policy
from pipeline.align.dpo import DirectPreferences, train_dpo
from pipeline.align.guards import Alarms, Guards
from pipeline.align.labels import both_sides
from pipeline.align.packing import pack
from pipeline.align.ppo_rollout import scale_of
from pipeline.align.recipe import FineTuning, Precision
from pipeline.align.reward import RewardLearning, train_reward
from pipeline.align.rules import Asked
from pipeline.align.scalar_head import with_scalar_head
from pipeline.align.sft import train_packed, train_sft
from pipeline.train.duration import Duration
from pipeline.train.recipe import Recipe
from pipeline.train.workspace import History, Workspace
from tests.align.tiny import examples, pairs, tiny, weights

RECIPE = FineTuning(
    duration=Duration(7, "steps"),
    max_length=64,
    max_dropped=0.05,
    batch_size=4,
    micro_batch=None,
    precision="fp32",
    learning_rate=1e-2,
    embedding_lr_scale=0.5,
    warmup_steps=1,
    max_grad_norm=1.0,
    checkpoint_every=3,
    seed=1,
)
SETTINGS = ppo_method.Rollouts(
    duration=Duration(5, "steps"),
    max_length=64,
    max_dropped=0.05,
    rollout_batch=6,
    mini_batch_size=4,
    micro_batch=None,
    precision="fp32",
    max_new_tokens=6,
    max_grad_norm=1.0,
    learning_rate=1e-2,
    beta1=0.9,
    beta2=0.95,
    critic_learning_rate=1e-2,
    ppo_epochs=1,
    clip_low=0.2,
    clip_high=0.2,
    value_clip=0.2,
    gamma=1.0,
    gae_lambda=0.95,
    whiten_rewards=False,
    stop_kl=None,
    kl_coef=0.05,
    kl_target=2.0,
    kl_gain=0.5,
    max_kl=None,
    missing_eos_penalty=1.0,
    score_clip=4.0,
    alarms=Alarms(tokens=1.5, distinct=0.9, perplexity=1.2, gold=0.95),
    checkpoint_every=2,
    seed=1,
)
GROUPS = grpo_method.Groups(
    **({name: value for name, value in vars(SETTINGS).items() if name in grpo_method.Groups.__dataclass_fields__} | {"clip_high": 0.28}),
    group_size=3,
    advantage="group",
    loss="dapo",
    kl_in="loss",
)


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    weights: dict[str, Tensor]
    history: History
    metrics: dict[str, Any]


FULL = Full(method="full")


@dataclass(frozen=True)
class How:
    """What a test may change of a run."""

    micro_batch: int | None = None
    dtype: torch.dtype = torch.float32
    duration: str | None = None
    precision: Precision = "fp32"
    adapter: AnyAdapter = FULL  # of a policy that samples

    def recipe(self) -> FineTuning:
        return dataclasses.replace(RECIPE, **self.changes(RECIPE))

    def rollouts(self) -> ppo_method.Rollouts:
        return dataclasses.replace(SETTINGS, **self.changes(SETTINGS))

    def groups(self) -> grpo_method.Groups:
        return dataclasses.replace(GROUPS, **self.changes(GROUPS))

    def changes(self, recipe: Recipe) -> dict[str, Any]:
        duration = recipe.duration if self.duration is None else Duration.read(self.duration)
        return {"micro_batch": self.micro_batch, "duration": duration, "precision": self.precision}

    def policy(self) -> PreTrainedModel:
        return tiny(1).to(self.dtype)  # type: ignore[no-any-return]

    def explorer(self) -> PreTrainedModel:
        """A policy that samples."""
        return attach_policy(self.policy(), self.adapter, seed=1, section="align").module

    def reward(self) -> PreTrainedModel:
        return fresh_reward().to(self.dtype)  # type: ignore[no-any-return]


PLAIN = How()


def fresh_reward() -> PreTrainedModel:
    return with_scalar_head(tiny(1), heads=1, seed=5)


def sft(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    module = how.policy()
    trained = train_sft(module, tokenizer, rows or examples(10), how.recipe(), workspace)
    return Outcome(weights(module), trained.history, trained.amount)


def adapted(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    """DoRA, and the vectors of the tokens of turns."""
    module = how.policy()
    chosen = LowRank(method="dora", r=4, alpha=8.0, dropout=0.0, target_modules="all-linear", turn_tokens=True)
    attach(module, chosen, seed=1, section="sft")
    trained = train_sft(module, tokenizer, rows or examples(10), how.recipe(), workspace)
    return Outcome(weights(module), trained.history, trained.amount)


def packed(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    """Rows of up to three examples."""
    module = how.policy()
    trained = train_packed(module, tokenizer, pack(rows or examples(24), length=40), how.recipe(), workspace)
    return Outcome(weights(module), trained.history, trained.amount)


def reward(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    model = how.reward()
    recipe = RewardLearning(**vars(how.recipe()), margin=0.0, loss_mean="pair", ensemble=1, likelihood=0.0)
    trained = train_reward(model, tokenizer, rows or pairs(10), recipe, workspace)
    return Outcome(weights(model), trained.history, trained.amount)


def ensemble(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    """Three heads, a margin, and prompts that weigh alike: the loss of ours."""
    model = with_scalar_head(how.policy(), heads=3, seed=5, likelihood=0.5).to(how.dtype)
    recipe = RewardLearning(**vars(how.recipe()), margin=0.5, loss_mean="prompt", ensemble=3, likelihood=0.5)
    rows = [replace(pair, margin=float(number % 3)) for number, pair in enumerate(rows or pairs(10))]
    trained = train_reward(model, tokenizer, rows, recipe, workspace)
    return Outcome(weights(model), trained.history, trained.amount)


def dpo(tokenizer: Any, workspace: Workspace, sft_weight: float = 1.0, how: How = PLAIN, loss: Any = "sigmoid") -> Outcome:
    policy = how.policy()
    recipe = DirectPreferences(**vars(how.recipe()), loss=loss, beta=0.1, sft_weight=sft_weight)
    trained = train_dpo(policy, how.policy(), tokenizer, pairs(10), recipe, workspace)
    return Outcome(weights(policy), trained.history, trained.amount)


def guards() -> Guards:
    """What looks on where no score is known."""
    return Guards([(pair.prompt, pair.chosen) for pair in pairs(4)], {}, None)  # type: ignore[arg-type]


def ppo(tokenizer: Any, workspace: Workspace, how: How = PLAIN) -> Outcome:
    policy, model, critic = how.explorer(), how.reward(), how.reward()
    players = ppo_method.Players(policy=policy, critic=critic, reference=how.policy(), reward=model, guards=guards())
    scale = scale_of(model, pairs(10), clip=4.0, batch=4)
    metrics, history = ppo_method.improve(players, [pair.prompt for pair in pairs(10)], scale, how.rollouts(), workspace)
    both = {"policy": weights(policy), "critic": weights(critic)}
    return Outcome({f"{name}/{key}": value for name, part in both.items() for key, value in part.items()}, history, metrics)


def grpo(tokenizer: Any, workspace: Workspace, how: How = PLAIN) -> Outcome:
    policy, model = how.explorer(), how.reward()
    judges = {"model": grpo_method.as_learned(model, pairs(10), clip=4.0, batch=4)}
    asked = [Asked(pair.prompt, None) for pair in pairs(10)]
    contest = grpo_method.Contest(policy, how.policy(), judges, asked, guards())
    metrics, history = grpo_method.improve(contest, how.groups(), workspace)
    return Outcome(weights(policy), history, metrics)


PAIRS: dict[str, tuple[type[direct.PairTrainer], type[direct.ReferenceFree], dict[str, float]]] = {
    "orpo": (orpo.Trainer, orpo.OddsRatio, {"odds_weight": 2.0, "sft_weight": 1.0}),
    "simpo": (simpo.Trainer, simpo.SimplePreferences, {"beta": 1.0, "gamma": 0.5, "sft_weight": 0.0}),
    "cpo": (cpo.Trainer, cpo.Contrastive, {"beta": 0.5, "sft_weight": 1.0}),
}


def pairwise(name: str, tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    policy = how.policy()
    trainer, settings, own = PAIRS[name]
    recipe = settings(**vars(how.recipe()), **own)
    trained = direct.train_pairs(trainer, policy, tokenizer, rows or pairs(10), recipe, workspace)
    return Outcome(weights(policy), trained.history, trained.amount)


LABELS = {"beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.5}


def kto(tokenizer: Any, workspace: Workspace, rows: Any = None, how: How = PLAIN) -> Outcome:
    policy = how.policy()
    recipe = kto_method.Labels(**vars(how.recipe()), **LABELS)
    trained = kto_method.train_kto(policy, how.policy(), tokenizer, rows or both_sides(pairs(10)), recipe, workspace)
    return Outcome(weights(policy), trained.history, trained.amount)


METHODS: dict[str, Callable[..., Outcome]] = {
    "sft": sft,
    "adapted": adapted,
    "packed": packed,
    "reward": reward,
    "ensemble": ensemble,
    "dpo": dpo,
    "kto": kto,
}
METHODS |= {name: partial(pairwise, name) for name in PAIRS}
OWN_TRAINER = [name for name in METHODS if name not in ("orpo", "cpo", "packed")]  # these have simpo's and sft's, with another loss
SAMPLING = {"ppo": ppo, "grpo": grpo}
ALL = METHODS | SAMPLING
TIMED = ("sft", "reward", "dpo", "ppo")  # one of each mechanism that settles a time
