"""Preferences without a reward model: the policy is its own (Rafailov et al. 2023, "Direct Preference Optimization", arXiv 2305.18290).

The losses of its relatives are TRL's, by the names that TRL gives them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import NonNegativeFloat, PositiveFloat
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel
from trl import DPOConfig, DPOTrainer

from pipeline.align import trl_adapter
from pipeline.align.implicit import implicit_rewards
from pipeline.align.needs import SIDES
from pipeline.align.pairs import ranked, rows_of
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import agreement, longest_of
from pipeline.core.seed import seed_of
from pipeline.tokens.dialogues import Pair
from pipeline.train.workspace import History, Trained, Workspace

Loss = Literal["sigmoid", "ipo", "hinge", "sigmoid_norm", "nca_pair", "sppo_hard", "apo_zero", "apo_down"]  # means over pairs


@dataclass(frozen=True, kw_only=True)
class DirectPreferences(FineTuning):
    """What the method adds."""

    loss: Loss  # sigmoid is DPO's own
    beta: PositiveFloat  # 1/nat; 1/(nat a token) of ipo and sigmoid_norm
    sft_weight: (
        NonNegativeFloat  # of -log p of the chosen answers, nats a token: Pang et al. 2024, "Iterative Reasoning Preference Optimization"
    )


class Trainer(trl_adapter.Sealed, DPOTrainer):
    """Direct preference loss."""

    method, arguments, sides = "dpo", DPOConfig, SIDES["dpo"]

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *more: Any, **named: Any) -> Any:
        """The preference is a mean over pairs, the sft term one over the tokens of the chosen answers."""
        shares = [count(inputs) / count(self.whole) for count in (_pairs, _chosen_tokens)]
        self.loss_weights = [weight * share for weight, share in zip(self.args.loss_weights, shares, strict=True)]
        return super().compute_loss(model, inputs, *more, **named)


def _pairs(batch: dict[str, Tensor]) -> int:
    return len(batch["input_ids"]) // 2


def _chosen_tokens(batch: dict[str, Tensor]) -> int:
    return int(batch["completion_mask"][: _pairs(batch), 1:].sum())


def train_dpo(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Tokenizer,
    pairs: Sequence[Pair],
    recipe: DirectPreferences,
    workspace: Workspace,
) -> Trained:
    """The loss of the log-ratios and the sft term; DPO: -log sigmoid(beta x (ratio of chosen - of rejected)), Rafailov et al. 2023, eq. 7.

    Trains the policy in place; its log-ratios are against the reference.
    """
    options = {"max_length": None, "beta": recipe.beta, "loss_type": [recipe.loss, "sft"], "loss_weights": [1.0, recipe.sft_weight]}
    return trl_adapter.train(Trainer, policy, tokenizer, rows_of(pairs), recipe, workspace, options=options, ref_model=reference)


def prefer(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Tokenizer,
    train: Sequence[Pair],
    test: Sequence[Pair],
    recipe: DirectPreferences,
    workspace: Workspace,
) -> tuple[dict[str, Any], History]:
    """Train the policy in place; how its implicit rewards rank pairs it has seen and pairs it has not, and the history by step."""
    longest = longest_of([*train, *test])
    trl_adapter.refuse_beyond_memory(policy, recipe, workspace, sides=Trainer.sides, longest=longest)
    trained = train_dpo(policy, reference, tokenizer, train, recipe, workspace)
    rewards = lambda side: implicit_rewards(policy, reference, side, beta=recipe.beta, batch=recipe.at_once)  # noqa: E731
    return ranked(trained.history) | agreement(test, rewards, seed=seed_of(recipe.seed, "accuracy")) | trained.amount, trained.history
