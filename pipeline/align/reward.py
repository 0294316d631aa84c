"""A reward model learns from preferences (Ouyang et al. 2022, step 2; Bradley and Terry 1952)."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel
from trl import RewardConfig, RewardTrainer

from pipeline.align import trl_adapter
from pipeline.align.recipe import FineTuning
from pipeline.align.rows import agreement, longest_of
from pipeline.core.seed import seed_of
from pipeline.model.reward import rewards_of
from pipeline.tokens.dialogues import Pair
from pipeline.train.workspace import History, Trained, Workspace


class Trainer(trl_adapter.Sealed, RewardTrainer):
    """Bradley-Terry loss."""

    method, arguments, sides = "reward", RewardConfig, 2

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *more: Any, **named: Any) -> Tensor:
        """A mean over pairs."""
        loss: Tensor = super().compute_loss(model, inputs, *more, **named)
        return loss * (len(inputs["input_ids"]) / len(self.whole["input_ids"]))


def train_reward(reward: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[Pair], recipe: FineTuning, workspace: Workspace) -> Trained:
    """Bradley-Terry loss -log sigmoid(r(chosen) - r(rejected)) of a module with one output. Trains the module in place."""
    rows = [{"chosen_ids": [*pair.prompt, *pair.chosen], "rejected_ids": [*pair.prompt, *pair.rejected]} for pair in pairs]
    return trl_adapter.train(Trainer, reward, tokenizer, rows, recipe, workspace, options={"max_length": None})


def learn(
    reward: PreTrainedModel, tokenizer: Tokenizer, train: Sequence[Pair], test: Sequence[Pair], recipe: FineTuning, workspace: Workspace
) -> tuple[dict[str, Any], History]:
    """Train the reward model in place; how it ranks pairs that it has not seen, overall and by kind, and the history by step."""
    longest = longest_of([*train, *test])
    trl_adapter.refuse_beyond_memory(reward, recipe, workspace, sides=Trainer.sides, longest=longest)
    trained = train_reward(reward, tokenizer, train, recipe, workspace)

    def scores(dialogues: list[tuple[list[int], list[int]]]) -> Any:
        return rewards_of(reward, [[*prompt, *answer] for prompt, answer in dialogues], batch=recipe.at_once)

    found = agreement(test, scores, seed=seed_of(recipe.seed, "accuracy"))
    return found | trained.amount, trained.history
