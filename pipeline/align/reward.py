"""A judge learns from preferences (Ouyang et al. 2022, step 2; Bradley and Terry 1952)."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedModel

from pipeline.align.place import History, Place
from pipeline.align.rows import by_kind
from pipeline.align.trl_adapter import Recipe, train_reward
from pipeline.model.reward import rewards_of
from pipeline.tokens.dialogues import Pair


def learn(
    judge: PreTrainedModel, tokenizer: Tokenizer, train: Sequence[Pair], test: Sequence[Pair], recipe: Recipe, place: Place
) -> tuple[dict[str, Any], History]:
    """Train the judge in place; how often it prefers rightly on pairs it has not seen, overall and by kind, and the history by step."""
    history = train_reward(judge, tokenizer, train, recipe, place)
    found = agreement(judge, test, batch=recipe.batch)
    return found | {"steps": recipe.steps, "epochs": recipe.steps * recipe.batch / len(train)}, history


def agreement(judge: PreTrainedModel, pairs: Sequence[Pair], *, batch: int) -> dict[str, Any]:
    """The share of pairs whose chosen answer earns more, the mean margin, and the share by kind. None where there are no pairs."""
    if not pairs:
        return {"accuracy": None, "margin": None, "n": 0, "kinds": {}}
    chosen = rewards_of(judge, [[*pair.prompt, *pair.chosen] for pair in pairs], batch=batch)
    rejected = rewards_of(judge, [[*pair.prompt, *pair.rejected] for pair in pairs], batch=batch)
    right = (chosen > rejected).double()
    return {
        "accuracy": right.mean().item(),
        "margin": (chosen - rejected).double().mean().item(),
        "n": len(pairs),
        "kinds": by_kind(pairs, lambda at: right[at].mean().item()),
    }
