"""What methods that learn from pairs have in common: the rows that the adapter reads, and how the last steps ranked them."""

from collections.abc import Iterable
from typing import Any

from pipeline.tokens.dialogues import Pair
from pipeline.train.workspace import History, tail_mean


def rows_of(pairs: Iterable[Pair]) -> list[dict[str, Any]]:
    """A row a pair, in the columns that TRL's collator of preferences takes."""
    return [{"prompt_ids": list(pair.prompt), "chosen_ids": list(pair.chosen), "rejected_ids": list(pair.rejected)} for pair in pairs]


def ranked(history: History) -> dict[str, float]:
    """How the last steps went."""
    names = {"train_loss": "loss", "train_accuracy": "rewards/accuracies", "train_margin": "rewards/margins"}
    return {name: tail_mean(history, column) for name, column in names.items()}
