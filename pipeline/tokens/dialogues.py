"""Encode instruction and preference rows; those that do not fit are returned separately, and too many of them are an error."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tokenizers
from pydantic import PositiveInt

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError
from pipeline.tokens.chat import REASONING, encode_chat, encode_message

IGNORE_INDEX = -100  # label that the loss ignores, as in torch and transformers
TOO_LONG = "answer_does_not_fit"
SHARES = (50, 90, 95, 99)  # percent of the rows whose lengths the table tells
HELD = 0.95  # share of the rows that the mend's length holds, at least
CONTEXT = "model.context"
ANSWER_STEP = 8  # tokens; likewise of answers
STEP = 64  # tokens; a length that is derived is a multiple of it
Side = Literal["chosen", "rejected"]
SIDES: tuple[Side, ...] = ("chosen", "rejected")
Length = PositiveInt | Literal["auto"]  # tokens; auto: the length that holds 95 % of the rows, at most what the model reads


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a row may take, who says so, and how many may lack it."""

    tokens: Length
    key: str  # that says so: sft.max_length
    max_dropped: float  # share of the rows that may be too long, 0..1
    context: int  # tokens that the model reads
    spare: int  # of `context`, kept for what is not in a row: an answer that is to be sampled

    @property
    def limit(self) -> int:
        """Tokens of a row, at most; before `settled`, as many as the model reads."""
        return self.tokens if isinstance(self.tokens, int) else self.context - self.spare

    def settled(self, lengths: Sequence[int]) -> "Room":
        """With the length that holds 95 % of the rows, where it is to be taken from them; at most what the model reads."""
        return self if isinstance(self.tokens, int) else replace(self, tokens=length_for(lengths, step=STEP, most=self.limit))


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
    cluster: str = ""  # pairs about one fact, or of one prompt, tell no more than one of them
    margin: float | None = None  # by which the chosen answer is better in the data's own scores, where they have some


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
        chosen, rejected = (encode_message(answer_of(row, side), tokenizer) for side in SIDES)
        tokens = len(prompt) + max(len(chosen), len(rejected))
        if tokens > max_length:
            dropped.append(_too_long(row, tokens))
        else:
            kept.append(Pair(prompt, chosen, rejected, row["kind"], row.get("fact") or repr(prompt), row.get("margin")))
    return kept, dropped


def answer_of(row: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """The chosen or rejected answer of a preference as the assistant's message: with its thought, where the row has one of that side."""
    return {"role": "assistant", "content": row[side], REASONING: row.get(thought_key(side))}


def thought_key(side: Side) -> str:
    """The column of a preference that holds what was thought before the answer of that side."""
    return f"{side}_{REASONING}"


def check_fit(lengths: Sequence[int], room: Room, what: str) -> None:
    """InputError when more than a share of the rows is too long, with the table of lengths and the value that holds 95 %."""
    long = sum(length > room.limit for length in lengths)
    if not long or long <= room.max_dropped * len(lengths):
        return
    table = ", ".join(f"{share} % within {tokens}" for share, tokens in quantiles(lengths).items())
    raise InputError(
        f"{long} of {len(lengths)} {what} are longer than the {room.limit} tokens of {room.key} ({long / len(lengths):.0%}, "
        f"at most {room.max_dropped:.0%} may be): {table}",
        mend=_mend(lengths, room),
    )


def told_before(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, rooms: Mapping[str, Room]) -> dict[str, Any]:
    """By table of `rooms`: rows, quantiles of their lengths in tokens, and how many are too long. InputError when those are too many."""
    told = {}
    for name, asked in rooms.items():
        lengths = [LENGTHS[name](row, tokenizer) for row in dialogues.rows(name)]
        room = asked.settled(lengths)
        check_fit(lengths, room, f"{name} in {dialogues.path}")
        told[name] = {"rows": len(lengths), "tokens": quantiles(lengths), "too_long": sum(length > room.limit for length in lengths)}
    return told


def length_for(lengths: Sequence[int], *, step: int, most: int) -> int:
    """The least multiple of `step` that holds 95 % of the rows, at most `most`."""
    return min(most, -(-within(lengths, HELD) // step) * step) if lengths else most


def answer_room(dialogues: Dialogues, tokenizer: tokenizers.Tokenizer, *, context: int) -> int:
    """Tokens that hold 95 % of the answers with their thoughts, of instructions and the better ones of preferences, at most half of what a
    model reads."""
    said = [turn for row in dialogues.rows("instructions") for turn in row["messages"] if turn["role"] == "assistant"]
    said += [answer_of(row, "chosen") for row in dialogues.rows("preferences")]
    return length_for([len(encode_message(turn, tokenizer)) for turn in said], step=ANSWER_STEP, most=context // 2)


def quantiles(lengths: npt.ArrayLike) -> dict[str, int]:
    """The least length within which each of SHARES percent of the rows lie; none for no rows."""
    return {str(share): within(lengths, share / 100) for share in SHARES} if np.size(lengths) else {}


def within(lengths: npt.ArrayLike, share: float) -> int:
    """The least length that holds this share of the rows."""
    return int(np.sort(lengths)[max(0, math.ceil(share * np.size(lengths) - 1e-9) - 1)])


def instruction_length(row: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> int:
    """Tokens of a row of instructions.jsonl."""
    return len(encode_chat(row["messages"], tokenizer, add_generation_prompt=False)[0])


def preference_length(row: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> int:
    """Tokens of a row of preferences.jsonl: its prompt and the longer answer."""
    prompt, _ = encode_chat(row["prompt"], tokenizer, add_generation_prompt=True)
    return len(prompt) + max(len(encode_message(answer_of(row, side), tokenizer)) for side in SIDES)


LENGTHS: dict[str, Callable[[Mapping[str, Any], tokenizers.Tokenizer], int]] = {
    "instructions": instruction_length,
    "preferences": preference_length,
}


def _mend(lengths: Sequence[int], room: Room) -> str:
    """The settings under which enough rows fit."""
    needed = -(-within(lengths, max(HELD, 1 - room.max_dropped)) // STEP) * STEP
    own = [] if room.key == CONTEXT else [f"{room.key}={needed}"]
    more = [f"{CONTEXT}={needed + room.spare}"] if needed + room.spare > room.context else []
    shared = f" (budget.max_length={needed} is for all)" if room.key.endswith(".max_length") else ""
    return f"{' '.join([*own, *more])}{shared}, or shorter rows, or allow more: budget.max_dropped"


def _too_long(row: Mapping[str, Any], tokens: int) -> dict[str, Any]:
    return {"id": row["id"], "reason": TOO_LONG, "tokens": tokens}
