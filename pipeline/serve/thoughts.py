"""What an answer thinks before it says something: which tokens belong to a thought, and a budget for it."""

from collections.abc import Sequence
from typing import Literal

import torch

from pipeline.core.errors import InputError
from pipeline.model.thinking import Spent
from pipeline.tokens.codec import Codec
from pipeline.tokens.thinking import needed_thinking, think_ids

Part = Literal["answer", "thought", "bracket"]  # bracket: <think> and </think>


class Parts:
    """What belongs to a thought, token by token. An answer begins inside where the prompt ends so: a chat template may end in <think>."""

    def __init__(self, codec: Codec, prompt: Sequence[int]) -> None:
        self._around = think_ids(codec.tokenizer) or (-1, -1)
        bounds = (*self._around, *codec.turn_ends)  # what a user writes of a thought ends with the turn
        self._inside = next((one for one in reversed(prompt) if one in bounds), -1) == self._around[0] != -1

    @property
    def inside(self) -> bool:
        """Whether the next token belongs to a thought, if it does not close it."""
        return self._inside

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


def budget_of(tokens: int | None, codec: Codec, prompt: Sequence[int], given: Sequence[int], *, max_new: int) -> Budget | None:
    """What the beginning of an answer leaves of so many tokens; None: no budget. A thought is opened where nothing was given and the prompt
    has opened none, as tasks of kind reasoning do. InputError where the vocabulary has no place for a thought, and where `max_new` leaves
    none for an answer."""
    if tokens is None:
        return None
    parts = Parts(codec, prompt)
    opened = parts.inside
    if (least := tokens + 3 - opened) > max_new:  # what opens and closes the thought, and a token of the answer
        message = f"of {max_new} tokens a thinking budget of {tokens} leaves none for an answer"
        raise InputError(message, mend=f"{least} tokens at least, or a smaller budget")
    left = tokens - [parts.of(token) for token in given].count("thought")
    thinking = needed_thinking(codec.tokenizer, budget=max(0, left))
    spent = Spent(thinking, [[thinking.opening] if parts.inside else []], device=torch.device("cpu"))
    return Budget(spent, opening=None if given or opened else thinking.opening)
