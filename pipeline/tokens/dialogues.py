"""Instruction and preference rows become ids; what does not fit is set aside and named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tokenizers

from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import END, IDS

IGNORED = -100  # the label that no loss counts
TOO_LONG = "answer_does_not_fit"


@dataclass(frozen=True)
class Example:
    """One dialogue: ids, and labels that equal the ids where the assistant speaks and IGNORED elsewhere."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Pair:
    """One preference: the prompt ends in `<|assistant|>`, both answers end in `<|end|>`."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    kind: str


def encode_instructions(
    rows: Iterable[Mapping[str, Any]], tokenizer: tokenizers.Tokenizer, *, length: int
) -> tuple[list[Example], list[dict[str, Any]]]:
    """The rows of instructions.jsonl that fit in `length` tokens, and the others as {id, reason, tokens}."""
    kept, dropped = [], []
    for row in rows:
        ids, mask = encode_chat(row["messages"], tokenizer, ask=False)
        if len(ids) > length:
            dropped.append(_misfit(row, len(ids)))
        else:
            labels = [token if trained else IGNORED for token, trained in zip(ids, mask, strict=True)]
            kept.append(Example(ids, labels))
    return kept, dropped


def encode_preferences(
    rows: Iterable[Mapping[str, Any]], tokenizer: tokenizers.Tokenizer, *, length: int
) -> tuple[list[Pair], list[dict[str, Any]]]:
    """The rows of preferences.jsonl whose prompt and longer answer fit in `length` tokens, and the others as {id, reason, tokens}."""
    kept, dropped = [], []
    for row in rows:
        prompt, _ = encode_chat(row["prompt"], tokenizer, ask=True)
        chosen, rejected = (_answer(row[side], tokenizer) for side in ("chosen", "rejected"))
        tokens = len(prompt) + max(len(chosen), len(rejected))
        if tokens > length:
            dropped.append(_misfit(row, tokens))
        else:
            kept.append(Pair(prompt, chosen, rejected, row["kind"]))
    return kept, dropped


def _answer(text: str, tokenizer: tokenizers.Tokenizer) -> list[int]:
    return [*tokenizer.encode(text, add_special_tokens=False).ids, IDS[END]]


def _misfit(row: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    return {"id": row["id"], "reason": TOO_LONG, "tokens": tokens}
