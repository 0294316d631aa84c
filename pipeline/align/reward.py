"""A reward model learns from preferences (Ouyang et al. 2022, step 2; Bradley and Terry 1952).

The reward is the number of a head at the answer's end and, with a weight, how likely the body finds the answer: a head of few layers sees
that a value was said, the likelihood that another was to be expected.

Several heads on one body, each with pairs of its own, are an ensemble (Osband et al. 2016, bootstrapped heads; Coste et al. 2024): the
reward is their mean, and where they disagree it is not to be believed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel
from trl import RewardConfig, RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from pipeline.align import trl_adapter
from pipeline.align.calibration import calibration
from pipeline.align.needs import SIDES
from pipeline.align.pair_baselines import baselines
from pipeline.align.preference_losses import bradley_terry
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import RESAMPLES, agreement, longest_of
from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap
from pipeline.core.seed import seed_of, stream
from pipeline.model.reward import fine, rewards_by_head
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.special import IDS, PAD
from pipeline.train.workspace import History, Trained, Workspace

OWN = ("margin", "weight")  # columns of pairs that TRL does not know
_PADDED = DataCollatorForPreference(pad_token_id=IDS[PAD])


@dataclass(frozen=True, kw_only=True)
class RewardLearning(FineTuning):
    """What is added to fine-tuning."""

    margin: NonNegativeFloat  # times the difference of the data's scores: by how much the chosen answer is to be ahead; 0: off
    loss_mean: Literal["pair", "prompt"]  # prompt: the pairs of a prompt weigh as much as one
    ensemble: Annotated[int, Field(ge=1, le=64)]  # heads
    likelihood: NonNegativeFloat  # times the mean log-probability of the answer, nats a token, that the reward has beside a head's number

    @property
    def plain(self) -> bool:
        """Whether TRL's own loss is meant."""
        return self.margin == 0 and self.loss_mean == "pair" and self.ensemble == 1


class Objective(RewardTrainer):
    """TRL's trainer and its figures, with our loss where pairs have weights or margins."""

    def __init__(self, model: PreTrainedModel, **more: Any) -> None:
        heads = int(model.config.num_labels or 1)
        model.config.num_labels = 1  # TRL refuses more than one
        super().__init__(model=model, **more)
        model.config.num_labels = heads

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *more: Any, **named: Any) -> Tensor:
        """A mean over pairs and heads."""
        count = len(inputs["input_ids"]) // 2
        own = {name: inputs.pop(name)[:count] for name in OWN if name in inputs}
        if not own:
            plain: Tensor = super().compute_loss(model, inputs, *more, **named)
            return plain
        _, outputs = super().compute_loss(model, inputs, *more, **(named | {"return_outputs": True}))
        chosen, rejected = fine(outputs.logits).chunk(2)
        return bradley_terry(chosen, rejected, **own).mean()


class Trainer(trl_adapter.Sealed, Objective):
    """Bradley-Terry loss."""

    method, arguments, sides, no_tokens = "reward", RewardConfig, SIDES["reward"], OWN

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *more: Any, **named: Any) -> Tensor:
        """A mean over pairs."""
        loss: Tensor = super().compute_loss(model, inputs, *more, **named)
        return loss * (len(inputs["input_ids"]) / len(self.whole["input_ids"]))


def train_reward(
    reward: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[Pair], recipe: RewardLearning, workspace: Workspace
) -> Trained:
    """Bradley-Terry loss -log sigmoid(r(chosen) - r(rejected) - margin) of a module with one output a head. Trains it in place."""
    rows: list[dict[str, Any]] = [
        {"chosen_ids": [*pair.prompt, *pair.chosen], "rejected_ids": [*pair.prompt, *pair.rejected]} for pair in pairs
    ]
    options: dict[str, Any] = {"max_length": None}
    if recipe.plain:
        return trl_adapter.train(Trainer, reward, tokenizer, rows, recipe, workspace, options=options)
    rows = [row | own for row, own in zip(rows, _own(pairs, recipe), strict=True)]
    options["remove_unused_columns"] = False
    return trl_adapter.train(Trainer, reward, tokenizer, rows, recipe, workspace, options=options, data_collator=with_own)


def _own(pairs: Sequence[Pair], recipe: RewardLearning) -> list[dict[str, list[float]]]:
    """Margin and weights, one a head, of each pair.

    By prompt: one over the pairs of its prompt (Ouyang et al. 2022, eq. 1), so scaled that the mean is 1. Of several heads each draws its
    pairs with replacement, as many as there are: by Poisson numbers, which need no second look at the pairs (Oza and Russell 2001).
    """
    count = Counter(tuple(pair.prompt) for pair in pairs)
    by_prompt = [len(pairs) / len(count) / count[tuple(pair.prompt)] if recipe.loss_mean == "prompt" else 1.0 for pair in pairs]
    drawn = [[1.0]] * len(pairs)
    if recipe.ensemble > 1:
        drawn = stream(recipe.seed, "reward", "bootstrap").poisson(1.0, (len(pairs), recipe.ensemble)).astype(float).tolist()
    return [
        {"margin": [recipe.margin * (pair.margin or 0.0)], "weight": [weight * times for times in heads]}
        for pair, weight, heads in zip(pairs, by_prompt, drawn, strict=True)
    ]


def with_own(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """The ids of a batch, all chosen answers before all rejected ones, and what TRL does not know of their pairs beside both."""
    padded: dict[str, Tensor] = _PADDED([{name: row[name] for name in ("chosen_ids", "rejected_ids")} for row in rows])
    return padded | {name: torch.tensor([row[name] for row in rows] * 2) for name in OWN}


def check_margin(pairs: Sequence[Pair], recipe: RewardLearning, *, section: str) -> None:
    """PipelineError where a margin is asked for and no pair has scores: it would have no effect."""
    if recipe.margin and not any(pair.margin for pair in pairs):
        message = f"{section}.margin={recipe.margin:g}, and none of the {len(pairs)} pairs has scores that differ"
        raise PipelineError(message, mend=f"{section}.margin=0, or pairs with margin, score_chosen and score_rejected, or ranked by scores")


def learn(
    reward: PreTrainedModel,
    tokenizer: Tokenizer,
    parts: tuple[Sequence[Pair], Sequence[Pair]],
    recipe: RewardLearning,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """Train the reward model in place on the first part; how it ranks the pairs of the second, overall and by kind, how sure it is of that,
    what simpler rules make of them; and the history by step."""
    train, test = parts
    check_margin(train, recipe, section=workspace.section)
    longest = longest_of([*train, *test])
    trl_adapter.refuse_beyond_memory(reward, recipe, workspace, sides=Trainer.sides, longest=longest, tiled=not recipe.likelihood)
    trained = train_reward(reward, tokenizer, train, recipe, workspace)
    return judged(reward, train, test, recipe) | trained.amount, trained.history


def judged(reward: PreTrainedModel, train: Sequence[Pair], test: Sequence[Pair], recipe: RewardLearning) -> dict[str, Any]:
    """The figures on held-out pairs; without any, that there are none."""
    seed = seed_of(recipe.seed, "accuracy")
    heads: list[Tensor] = []

    def scores(dialogues: list[tuple[list[int], list[int]]]) -> Tensor:
        sequences, begins = [[*prompt, *answer] for prompt, answer in dialogues], [len(prompt) for prompt, _ in dialogues]
        heads.append(rewards_by_head(reward, sequences, batch=recipe.at_once, begins=begins))
        return heads[-1].mean(dim=1)

    found = agreement(test, scores, seed=seed)
    if not test:
        return found
    ahead = (heads[0] - heads[1]).double().cpu()  # pairs, heads
    clusters = [pair.cluster for pair in test]
    found["calibration"] = calibration(ahead.mean(dim=1).numpy(), clusters, Bootstrap(RESAMPLES, seed))
    found["baselines"] = baselines(train, test, seed=seed)
    return found | ({"disagreement": disagreement(ahead)} if recipe.ensemble > 1 else {})


def disagreement(ahead: Tensor) -> dict[str, float]:
    """Of heads [n, H] on pairs: the deviation among them of how far the chosen answer is ahead, as a share of how far that is; and the
    share of pairs on whose order they are not of one mind."""
    apart = ahead.std(dim=1, correction=0).mean() / ahead.abs().mean().clamp(min=torch.finfo(ahead.dtype).tiny)
    return {"deviation": apart.item(), "split": ((ahead > 0).any(dim=1) & (ahead <= 0).any(dim=1)).double().mean().item()}
