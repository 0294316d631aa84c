"""Answers that are good or bad, each by itself: no pairs are needed.

Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization", arXiv 2402.01306.
TRL's trainer finds the distance from the reference within what is in memory at once; here it is that of the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import PositiveFloat
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel
from trl.trainer.utils import add_fused_lm_head

from pipeline.align import direct, trl_adapter
from pipeline.align.direct import said_of
from pipeline.align.implicit import implicit_rewards
from pipeline.align.labels import Labelled
from pipeline.align.preference_losses import kto
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import agreement, longest_of
from pipeline.core.seed import seed_of
from pipeline.tokens.dialogues import Pair
from pipeline.train.workspace import History, Trained, Workspace, tail_mean

COLUMNS = {"loss": "loss", "accuracy": "rewards/accuracies", "kl": "kl"}


@dataclass(frozen=True, kw_only=True)
class Labels(FineTuning):
    """What the method adds."""

    beta: PositiveFloat  # 1/nat
    desirable_weight: PositiveFloat  # of good answers
    undesirable_weight: PositiveFloat  # of bad ones; the paper wants weight x number of both within 1 to 4/3


def with_strangers(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """The answers of a batch, then each prompt with the answer to another: how far the policy is from the reference.

    The other is the next row with another prompt, cut where the longest row of the batch ends. `good` is, in the first half, whether an
    answer is; in the second, whether there was another prompt at all: an answer to its own tells no distance.
    """
    longest = max(len(row["prompt_ids"]) + len(row["answer_ids"]) for row in rows)
    pairs, strange = list[dict[str, Any]](), list[list[int]]()
    for at, row in enumerate(rows):
        others = [*rows[at + 1 :], *rows[:at]]
        stranger = next((other for other in others if other["prompt_ids"] != row["prompt_ids"]), None)
        strange.append([int(stranger is not None)])
        room = longest - len(row["prompt_ids"])
        pairs.append(
            {"prompt_ids": row["prompt_ids"], "chosen_ids": row["answer_ids"], "rejected_ids": (stranger or row)["answer_ids"][:room]}
        )
    good = torch.tensor([row["good"] for row in rows])
    padded: dict[str, Tensor] = direct.PADDED(pairs)
    return padded | {"good": torch.cat([good, torch.tensor(strange)])}


class Trainer(direct.Trainer):
    """The loss of single answers; the other half of a batch tells the distance from the reference."""

    method = "kto"

    def __init__(self, model: PreTrainedModel, *, reference: PreTrainedModel, **more: Any) -> None:
        super().__init__(model, **more)
        add_fused_lm_head(reference)
        self._reference = reference
        self._kl = torch.zeros(())

    def training_step(self, model: Any, inputs: dict[str, Tensor], *more: Any) -> Tensor:
        """The distance is that of the whole batch, whatever is in memory at once."""
        inputs = self._prepare_inputs(inputs)
        count = len(inputs["input_ids"]) // 2
        with torch.no_grad(), self.compute_loss_context_manager():
            parts = [self._log_ratio(model, inputs, at) for at in torch.split(torch.arange(count, 2 * count), self.recipe.at_once)]
        known = torch.cat(parts)[inputs["good"][count:, 0].bool()]
        self._kl = known.mean().clamp(min=0) if len(known) else torch.zeros((), device=known.device)
        return super().training_step(model, inputs, *more)

    def share_of_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """A mean over answers."""
        recipe, count = self.recipe, len(inputs["input_ids"]) // 2
        good = inputs["good"][:count, 0].bool()
        ratio = self._log_ratio(model, inputs, torch.arange(count))
        weights = {"desirable": recipe.desirable_weight, "undesirable": recipe.undesirable_weight}
        losses = kto(ratio, good, self._kl, beta=recipe.beta, **weights)
        self.figures["rewards/accuracies"].append(((ratio > self._kl) == good).float().mean().item())
        self.figures["kl"].append(self._kl.item())
        return losses.sum() * (2 / len(self.whole["input_ids"]))

    def _log_ratio(self, model: Any, inputs: dict[str, Tensor], at: Tensor) -> Tensor:
        """log(policy / reference) of some rows."""
        longest = int(inputs["attention_mask"][at].sum(dim=1).max())
        some = {name: value[at, :longest] for name, value in inputs.items()}
        with torch.no_grad():
            held = said_of(self._reference, some).nats
        return said_of(model, some).nats - held


def train_kto(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Tokenizer,
    answers: Sequence[Labelled],
    recipe: Labels,
    workspace: Workspace,
) -> Trained:
    """Train the policy in place; its log-ratios are against the reference."""
    rows = [{"prompt_ids": list(one.prompt), "answer_ids": list(one.answer), "good": [int(one.good)]} for one in answers]
    more = {"data_collator": with_strangers, "reference": reference}
    return trl_adapter.train(Trainer, policy, tokenizer, rows, recipe, workspace, options=direct.OPTIONS, **more)


def value(
    players: tuple[PreTrainedModel, PreTrainedModel],
    tokenizer: Tokenizer,
    train: Sequence[Labelled],
    held_out: tuple[Sequence[Labelled], Sequence[Pair]],
    recipe: Labels,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """Train the first of policy and reference in place; how its implicit rewards judge held-out answers and rank held-out pairs."""
    policy, reference = players
    labels, pairs = held_out
    longest = max(len(one.prompt) + len(one.answer) for one in [*train, *labels])
    trl_adapter.refuse_beyond_memory(
        policy, recipe, workspace, sides=Trainer.sides, longest=max(longest, longest_of(pairs) if pairs else 0)
    )
    trained = train_kto(policy, reference, tokenizer, train, recipe, workspace)

    def rewards(answers: list[tuple[list[int], list[int]]]) -> Tensor:
        return implicit_rewards(policy, reference, answers, beta=recipe.beta, batch=recipe.at_once)

    last = {f"train_{name}": tail_mean(trained.history, column) for name, column in COLUMNS.items()}
    ranked = agreement(pairs, rewards, seed=seed_of(recipe.seed, "accuracy"))
    return last | ranked | {"labels": _judged(labels, rewards)} | trained.amount, trained.history


def _judged(labels: Sequence[Labelled], rewards: Callable[[list[tuple[list[int], list[int]]]], Tensor]) -> dict[str, Any]:
    """The share of answers of which the policy has come to think more, where they are good, or less, where they are bad."""
    if not labels:
        return {"accuracy": None, "n": 0}
    right = (rewards([(one.prompt, one.answer) for one in labels]) > 0) == torch.tensor([one.good for one in labels])
    return {"accuracy": right.double().mean().item(), "n": len(labels)}
