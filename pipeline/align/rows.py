"""From a Dialogues artifact to what the methods train on; what can't be used is counted by reason."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from pydantic import PositiveInt
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.bounds import ProperFraction
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.intervals import Bootstrap, share
from pipeline.core.seed import stream
from pipeline.tokens.dialogues import (
    IGNORE_INDEX,
    LENGTHS,
    Example,
    Length,
    Pair,
    Room,
    check_fit,
    encode_instructions,
    encode_preferences,
)
from pipeline.tokens.rows import Rows

T = TypeVar("T")
RESAMPLES = 1000  # of the bootstrap behind an accuracy
SAME_TOKENS = "chosen_is_rejected"  # teaches nothing: both answers have the same ids
NO_ROOM = "no_room_for_an_answer"


@dataclass(frozen=True, kw_only=True)
class PretrainingMix:
    """How much of the pretraining text stands among the dialogues."""

    share: ProperFraction  # of all examples
    tokens: PositiveInt  # of each


@dataclass(frozen=True)
class Part(Generic[T]):
    """The usable rows of one part, and how many were dropped, by reason."""

    rows: list[T]
    dropped: dict[str, int]
    derived: int | None  # the length in tokens that holds most of the rows, where it was taken from them

    @property
    def counts(self) -> dict[str, Any]:
        """For the metrics."""
        derived = {} if self.derived is None else {"max_length": self.derived}
        return {"rows": len(self.rows), "dropped": self.dropped, **derived}


class Limits(Protocol):
    """What a recipe says of lengths."""

    @property
    def max_length(self) -> Length: ...
    @property
    def max_dropped(self) -> float: ...  # share of the rows that may be longer


def room_for(recipe: Limits, module: PreTrainedModel, *, section: str) -> Room:
    """What a row may take. PipelineError when that is more than what the model can read."""
    context = int(module.config.max_position_embeddings)
    if recipe.max_length != "auto" and recipe.max_length > context:
        raise PipelineError(
            f"{section}.max_length is {recipe.max_length} tokens, the model reads {context}",
            mend=f"{section}.max_length={context}, or model.context={recipe.max_length}",
        )
    return Room(tokens=recipe.max_length, key=f"{section}.max_length", max_dropped=recipe.max_dropped, context=context, spare=0)


def read_examples(dialogues: Dialogues, parts: Sequence[str], tokenizer: Tokenizer, room: Room) -> list[Part[Example]]:
    """Instructions of each part that have room. InputError when too many have none, or none of a part can be used."""
    found, lengths, asked = [], [], room
    room = settled(dialogues, "instructions", tokenizer, asked)
    for part in parts:
        kept, dropped = encode_instructions(_rows(dialogues, "instructions", part), tokenizer, max_length=room.limit)
        lengths += [len(example.ids) for example in kept] + [row["tokens"] for row in dropped]
        found.append((kept, dropped, f"instructions of part {part} in {dialogues.path}"))
    check_fit(lengths, room, f"instructions in {dialogues.path}")
    return [part_of(kept, dropped, what, room, asked=asked) for kept, dropped, what in found]


def settled(dialogues: Dialogues, name: str, tokenizer: Tokenizer, room: Room) -> Room:
    """The room that the rows of a table ask for, where it is to be taken from them."""
    return room if room.tokens != "auto" else room.settled([LENGTHS[name](row, tokenizer) for row in dialogues.rows(name)])


def read_pretraining_rows(rows: Rows, mix: PretrainingMix, *, beside: int, seed: int) -> list[Example]:
    """Beginnings of rows of the training text, drawn anew for each seed, every token learned but the first of a piece.

    So many that they make up their share of all examples: a model that reads dialogues alone forgets the books it learned.
    """
    count = round(beside * mix.share / (1 - mix.share))
    drawn = np.resize(stream(seed, "books").permutation(len(rows)), count) if len(rows) else np.zeros(0, np.int64)
    batch = rows.read(drawn)
    ids, targets = batch.ids[:, : mix.tokens].tolist(), batch.targets[:, : mix.tokens - 1].tolist()
    return [Example(row, [IGNORE_INDEX, *foretold]) for row, foretold in zip(ids, targets, strict=True)]


def read_pairs(dialogues: Dialogues, parts: Sequence[str], tokenizer: Tokenizer, room: Room) -> list[Part[Pair]]:
    """Preferences of each part whose longer side has room. InputError when too many have none, or none of a part can be used."""
    found, lengths, asked = [], [], room
    room = settled(dialogues, "preferences", tokenizer, asked)
    for part in parts:
        fitting, dropped = encode_preferences(_rows(dialogues, "preferences", part), tokenizer, max_length=room.limit)
        lengths += [longest_of([pair]) for pair in fitting] + [row["tokens"] for row in dropped]
        kept = [pair for pair in fitting if pair.chosen != pair.rejected]
        dropped = dropped + [{"reason": SAME_TOKENS, "tokens": 0}] * (len(fitting) - len(kept))
        found.append((kept, dropped, f"preferences of part {part} in {dialogues.path}"))
    check_fit(lengths, room, f"preferences in {dialogues.path}")
    return [part_of(kept, dropped, what, room, asked=asked) for kept, dropped, what in found]


def longest_of(pairs: Sequence[Pair]) -> int:
    """Tokens of the longest prompt with its longer answer."""
    return max(len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)) for pair in pairs)


def with_room(pairs: Sequence[Pair], room: Room, *, max_new_tokens: int) -> Part[list[int]]:
    """The different prompts that leave room for an answer of `max_new_tokens`, each once, in the order of the pairs.

    InputError when too many leave none.
    """
    prompts = [list(prompt) for prompt in dict.fromkeys(tuple(pair.prompt) for pair in pairs)]
    what = f"different prompts, each with an answer of {max_new_tokens} tokens,"
    return fitting(prompts, [len(prompt) + max_new_tokens for prompt in prompts], room, what)


def fitting(rows: Sequence[T], lengths: Sequence[int], room: Room, what: str) -> Part[T]:
    """The rows whose lengths, an answer included, have room. InputError when too many have none."""
    asked, room = room, room.settled(lengths)
    check_fit(lengths, room, what)
    kept = [row for row, length in zip(rows, lengths, strict=True) if length <= room.limit]
    dropped = [{"reason": NO_ROOM, "tokens": length} for length in lengths if length > room.limit]
    return part_of(kept, dropped, what.partition(",")[0], room, asked=asked)


def agreement(pairs: Sequence[Pair], scores: Callable[[list[tuple[list[int], list[int]]]], Tensor], *, seed: int) -> dict[str, Any]:
    """How scores of (prompt, answer) rank the pairs: the share in which chosen is above rejected, with its 95 % interval over clusters of
    pairs, overall and by kind; and the mean margin. None where there are no pairs."""
    if not pairs:
        return {"accuracy": None, "margin": None, "n": 0, "kinds": {}}
    ahead = scores([(pair.prompt, pair.chosen) for pair in pairs]) - scores([(pair.prompt, pair.rejected) for pair in pairs])
    return ranked(pairs, (ahead > 0).double(), seed=seed) | {"margin": ahead.double().mean().item()}


def ranked(pairs: Sequence[Pair], right: Tensor, *, seed: int) -> dict[str, Any]:
    """The share of pairs that are ranked rightly (1; 0.5: not at all), with its interval, overall and by kind. At least one pair."""
    return {
        **_accuracy(pairs, right, list(range(len(pairs))), seed),
        "kinds": {kind: _accuracy(pairs, right, at, seed) for kind, at in _by_kind(pairs).items()},
    }


def _accuracy(pairs: Sequence[Pair], right: Tensor, at: Sequence[int], seed: int) -> dict[str, Any]:
    found = share(right[at].tolist(), [pairs[place].cluster for place in at], bootstrap=Bootstrap(RESAMPLES, seed))
    bounds = {"accuracy_low": found.low, "accuracy_high": found.high} if math.isfinite(found.low) else {}
    return {"accuracy": found.value, **bounds, "n": found.n}


def _by_kind(pairs: Sequence[Pair]) -> dict[str, list[int]]:
    """The positions of each kind of pair, kinds in alphabetical order."""
    positions: dict[str, list[int]] = {}
    for position, pair in enumerate(pairs):
        positions.setdefault(pair.kind, []).append(position)
    return dict(sorted(positions.items()))


def _rows(dialogues: Dialogues, name: str, part: str) -> list[dict[str, Any]]:
    return [row for row in dialogues.rows(name) if row["part"] == part]


def part_of(kept: list[T], dropped: Sequence[dict[str, Any]], what: str, room: Room, *, asked: Room) -> Part[T]:
    """The usable rows and the counted others; InputError where none is usable. `asked` is the room before it was settled."""
    counts = dict(sorted(Counter(row["reason"] for row in dropped).items()))
    if dropped and not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        least = min((row["tokens"] for row in dropped if row["tokens"] > room.limit), default=None)
        mend = f"{room.key}={least} takes the shortest" if least else "correct the files that dialogues.* names"
        raise InputError(f"none of the {len(dropped)} {what} can be used with {room.key}={room.limit}: {reasons}", mend=mend)
    return Part(kept, counts, None if isinstance(asked.tokens, int) else room.limit)
