"""Preferences without a judge: the policy is its own (Rafailov et al. 2023, "Direct Preference Optimization")."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.align.place import History, Place
from pipeline.align.rows import by_kind
from pipeline.align.trl_adapter import Preferring, train_dpo
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import Pair

_TAIL = 10  # steps: the last figures of training are averaged, one batch alone is noise


def prefer(
    policy: PreTrainedModel,
    reference: PreTrainedModel,
    tokenizer: Tokenizer,
    train: Sequence[Pair],
    test: Sequence[Pair],
    recipe: Preferring,
    place: Place,
) -> tuple[dict[str, Any], History]:
    """Train the policy in place; how its implicit rewards rank pairs it has seen and pairs it has not, and the history by step."""
    history = train_dpo(policy, reference, tokenizer, train, recipe, place)
    tail = history[-_TAIL:]
    metrics = {
        "train_loss": sum(row["loss"] for row in tail) / len(tail),
        "train_accuracy": sum(row["rewards/accuracies"] for row in tail) / len(tail),
        "train_margin": sum(row["rewards/margins"] for row in tail) / len(tail),
        **agreement(policy, reference, test, beta=recipe.beta, batch=recipe.batch),
    }
    return metrics | {"steps": recipe.steps, "epochs": recipe.steps * recipe.batch / len(train)}, history


def agreement(policy: PreTrainedModel, reference: PreTrainedModel, pairs: Sequence[Pair], *, beta: float, batch: int) -> dict[str, Any]:
    """The share of pairs in which the policy lifted chosen above rejected, the mean margin (x beta), and the share by kind."""
    if not pairs:
        return {"accuracy": None, "margin": None, "n": 0, "kinds": {}}
    chosen, rejected = ([(pair.prompt, answer(pair)) for pair in pairs] for answer in (_chosen, _rejected))
    lifts = [implicit_rewards(policy, reference, side, beta=beta, batch=batch) for side in (chosen, rejected)]
    right = (lifts[0] > lifts[1]).double()
    return {
        "accuracy": right.mean().item(),
        "margin": (lifts[0] - lifts[1]).double().mean().item(),
        "n": len(pairs),
        "kinds": by_kind(pairs, lambda at: right[at].mean().item()),
    }


def implicit_rewards(
    policy: PreTrainedModel, reference: PreTrainedModel, sequences: list[tuple[list[int], list[int]]], *, beta: float, batch: int
) -> Float[Tensor, " N"]:
    """beta x log(policy / reference) of each answer given its prompt (eq. 5 without the term that the prompt alone fixes)."""
    with torch.no_grad():
        return beta * (answer_logprobs(policy, sequences, batch=batch) - answer_logprobs(reference, sequences, batch=batch))


def _chosen(pair: Pair) -> list[int]:
    return pair.chosen


def _rejected(pair: Pair) -> list[int]:
    return pair.rejected
