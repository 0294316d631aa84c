"""Each method in miniature, with all that a resumed run must repeat: weights and history."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align import ppo as ppo_method
from pipeline.align.judge import with_scalar_head
from pipeline.align.place import History, Place
from pipeline.align.trl_adapter import Preferring, Recipe, train_dpo, train_reward, train_sft
from tests.align.tiny import examples, pairs, tiny, weights

RECIPE = Recipe(steps=7, batch=4, learning_rate=1e-2, words_rate=0.5, warmup=1, clip=1.0, checkpoint_steps=3, seed=1)
SETTINGS = ppo_method.Settings(
    steps=5,
    prompts=6,
    minibatch=4,
    room=6,
    learning_rate=1e-2,
    critic_learning_rate=1e-2,
    kl_weight=0.05,
    kl_target=2.0,
    no_end_penalty=1.0,
    checkpoint_steps=2,
    seed=1,
)


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    weights: dict[str, Tensor]
    history: History
    metrics: dict[str, Any]


def fresh_judge() -> PreTrainedModel:
    return with_scalar_head(tiny(1), seed=5)


def sft(tokenizer: Any, place: Place, rows: Any = None) -> Outcome:
    module = tiny(1)
    history = train_sft(module, tokenizer, rows or examples(10), RECIPE, place)
    return Outcome(weights(module), history, {})


def reward(tokenizer: Any, place: Place, rows: Any = None) -> Outcome:
    judge = fresh_judge()
    history = train_reward(judge, tokenizer, rows or pairs(10), RECIPE, place)
    return Outcome(weights(judge), history, {})


def dpo(tokenizer: Any, place: Place, anchor: float = 1.0) -> Outcome:
    policy = tiny(1)
    recipe = Preferring(**vars(RECIPE), beta=0.1, anchor=anchor)
    history = train_dpo(policy, tiny(1), tokenizer, pairs(10), recipe, place)
    return Outcome(weights(policy), history, {})


def ppo(tokenizer: Any, place: Place) -> Outcome:
    policy, judge, critic = tiny(1), fresh_judge(), fresh_judge()
    players = ppo_method.Players(policy=policy, critic=critic, reference=tiny(1), judge=judge)
    scale = ppo_method.scale_of(judge, pairs(10), batch=4)
    metrics, history = ppo_method.improve(players, [pair.prompt for pair in pairs(10)], scale, SETTINGS, place)
    both = {"policy": weights(policy), "critic": weights(critic)}
    return Outcome({f"{name}/{key}": value for name, part in both.items() for key, value in part.items()}, history, metrics)


METHODS: dict[str, Callable[[Any, Place], Outcome]] = {"sft": sft, "reward": reward, "dpo": dpo}
ALL = METHODS | {"ppo": ppo}
