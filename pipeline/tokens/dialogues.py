"""Encode instruction and preference rows; those that do not fit are returned separately."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tokenizers

from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import END, IDS

IGNORE_INDEX = -100  # label that the loss ignores, as in torch and transformers
TOO_LONG = "answer_does_not_fit"


@dataclass(frozen=True)
class Example:
    """One dialogue: ids, and labels that are the ids in the assistant's turns and IGNORE_INDEX elsewhere."""

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
    rows: Iterable[Mapping[str, Any]], tokenizer: tokenizers.Tokenizer, *, max_length: int
) -> tuple[list[Example], list[dict[str, Any]]]:
    """The rows of instructions.jsonl that fit in `max_length` tokens, and the others as {id, reason, tokens}."""
    kept, dropped = [], []
    for row in rows:
        ids, mask = encode_chat(row["messages"], tokenizer, add_generation_prompt=False)
        if len(ids) > max_length:
            dropped.append(_too_long(row, len(ids)))
        else:
            labels = [token if trained else IGNORE_INDEX for token, trained in zip(ids, mask, strict=True)]
            kept.append(Example(ids, labels))
    return kept, dropped


def encode_preferences(
    rows: Iterable[Mapping[str, Any]], tokenizer: tokenizers.Tokenizer, *, max_length: int
) -> tuple[list[Pair], list[dict[str, Any]]]:
    """The rows of preferences.jsonl whose prompt and longer answer fit in `max_length` tokens, and the others as {id, reason, tokens}."""
    kept, dropped = [], []
    for row in rows:
        prompt, _ = encode_chat(row["prompt"], tokenizer, add_generation_prompt=True)
        chosen, rejected = (_answer(row[side], tokenizer) for side in ("chosen", "rejected"))
        tokens = len(prompt) + max(len(chosen), len(rejected))
        if tokens > max_length:
            dropped.append(_too_long(row, tokens))
        else:
            kept.append(Pair(prompt, chosen, rejected, row["kind"]))
    return kept, dropped


def _answer(text: str, tokenizer: tokenizers.Tokenizer) -> list[int]:
    return [*tokenizer.encode(text, add_special_tokens=False).ids, IDS[END]]


def _too_long(row: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    return {"id": row["id"], "reason": TOO_LONG, "tokens": tokens}
