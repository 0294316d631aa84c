"""Answers that are good or bad, each by itself: of labels.jsonl, and both sides of the pairs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from pipeline.align.rows import Part, part_of
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.tokens.dialogues import Pair, Room, check_fit, encode_preferences, preference_length


@dataclass(frozen=True)
class Labelled:
    """The prompt ends in `<|assistant|>`, the answer in `<|end|>`."""

    prompt: list[int]
    answer: list[int]
    good: bool


def both_sides(pairs: Iterable[Pair]) -> list[Labelled]:
    """The chosen answers are good, the rejected bad."""
    return [Labelled(one.prompt, answer, good) for one in pairs for answer, good in ((one.chosen, True), (one.rejected, False))]


def read_labels(dialogues: Dialogues, parts: Sequence[str], tokenizer: Tokenizer, room: Room) -> list[Part[Labelled]]:
    """Labelled answers of each part that have room; empty parts where there are none.

    InputError when too many have none, or none of a part can be used.
    """
    rows = [_as_preference(row) for row in dialogues.rows_if_any("labels")]
    lengths = [preference_length(row, tokenizer) for row in rows]
    asked, room = room, room.settled(lengths)
    check_fit(lengths, room, f"labels in {dialogues.path}")
    return [_part(rows, part, tokenizer, room, asked, f"labels of part {part} in {dialogues.path}") for part in parts]


def _part(rows: Sequence[dict[str, Any]], part: str, tokenizer: Tokenizer, room: Room, asked: Room, what: str) -> Part[Labelled]:
    kept, dropped = [], []
    for row in rows:
        if row["part"] == part:
            fitting, long = encode_preferences([row], tokenizer, max_length=room.limit)
            kept += [Labelled(one.prompt, one.chosen, row["label"]) for one in fitting]
            dropped += long
    return part_of(kept, dropped, what, room, asked=asked)


def _as_preference(row: dict[str, Any]) -> dict[str, Any]:
    """With its answer on both sides, so that it is encoded and measured as they are."""
    return row | {"chosen": row["completion"], "rejected": row["completion"], "kind": "label"}
