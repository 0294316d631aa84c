"""What an assistant thinks before it answers: two tokens around it, and how it is told from the answer in a text."""

from dataclasses import dataclass
from typing import Annotated

import tokenizers
from pydantic import Field
from tokenizers import AddedToken

from pipeline.core.errors import InputError
from pipeline.tokens.special import THINK, THINK_END, THINK_TOKENS

Budget = Annotated[int, Field(ge=0)]  # tokens of all thoughts of an answer, without those around them


@dataclass(frozen=True, kw_only=True)
class Thinking:
    """The ids of the two, and how many may stand between them."""

    opening: int
    closing: int
    budget: Budget  # 0: a thought is closed as soon as it is opened


def with_think_tokens(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The tokenizer with `<think>` and `</think>` behind all its others."""
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in THINK_TOKENS])
    return tokenizer


def think_ids(tokenizer: tokenizers.Tokenizer) -> tuple[int, int] | None:
    """The ids of the two; None where the vocabulary has none."""
    first, last = tokenizer.token_to_id(THINK), tokenizer.token_to_id(THINK_END)
    return None if first is None or last is None else (first, last)


def needed_thinking(tokenizer: tokenizers.Tokenizer, *, budget: int) -> Thinking:
    """The two tokens with a budget. InputError where the vocabulary has none."""
    if (around := think_ids(tokenizer)) is None:
        raise InputError(f"the tokenizer has no {THINK}: there is no place for a thought", mend="tokenizer.think_tokens=true")
    return Thinking(opening=around[0], closing=around[1], budget=budget)


def answer_in(text: str) -> str:
    """What is said behind the last thought: all of it where nothing was thought, nothing where a thought has no end."""
    _, end, said = text.rpartition(THINK_END)
    if THINK in said:
        return ""
    return said.strip() if end else text


def thought_in(text: str) -> str:
    """What stands between the first `<think>` and the `</think>` behind it, or the end."""
    return text.partition(THINK)[2].partition(THINK_END)[0]
