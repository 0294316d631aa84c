"""What an answer thinks before it says something: which tokens belong to a thought, and a budget for it."""

from collections.abc import Sequence
from typing import Literal

import tokenizers
import torch

from pipeline.core.errors import InputError
from pipeline.model.thinking import Spent
from pipeline.tokens.thinking import needed_thinking, think_ids

Part = Literal["answer", "thought", "bracket"]  # bracket: <think> and </think>


class Parts:
    """What belongs to a thought, token by token."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._around = think_ids(tokenizer) or (-1, -1)
        self._inside = False

    def of(self, token: int) -> Part:
        """Of the token that follows those before."""
        if token in self._around:
            self._inside = token == self._around[0]
            return "bracket"
        return "thought" if self._inside else "answer"


class Budget:
    """What is left to think in one answer."""

    def __init__(self, spent: Spent, *, opening: int | None) -> None:
        self._spent, self._opening = spent, opening  # opening: yet to be written
        self._row = torch.zeros(1, dtype=torch.long)

    def bound(self, token: int) -> int:
        """What is written where a token was drawn: mostly that token."""
        token, self._opening = token if self._opening is None else self._opening, None
        return int(self._spent.bound(self._row, torch.tensor([token])))


def budget_of(
    tokens: int | None, tokenizer: tokenizers.Tokenizer, prompt: Sequence[int], given: Sequence[int], *, max_new: int
) -> Budget | None:
    """What the beginning of an answer leaves of so many tokens; None: no budget. A thought is opened where nothing was given, as tasks of
    kind reasoning do. InputError where the vocabulary has no place for a thought, and where `max_new` leaves none for an answer."""
    if tokens is None:
        return None
    if (least := tokens + 3) > max_new:  # what opens and closes the thought, and a token of the answer
        message = f"of {max_new} tokens a thinking budget of {tokens} leaves none for an answer"
        raise InputError(message, mend=f"{least} tokens at least, or a smaller budget")
    parts = Parts(tokenizer)
    left = tokens - [parts.of(token) for token in given].count("thought")
    thinking = needed_thinking(tokenizer, budget=max(0, left))
    spent = Spent(thinking, [[*prompt, *given]], device=torch.device("cpu"))
    return Budget(spent, opening=None if given else thinking.opening)
