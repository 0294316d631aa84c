"""A conversation that fits: what a model no longer reads is counted, never dropped in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from pipeline.core.errors import InputError
from pipeline.tokens.codec import Codec


@dataclass(frozen=True)
class Fitted:
    """A prompt with room behind it."""

    ids: list[int]
    forgotten: int  # messages, the oldest behind a system prompt
    cut: tuple[int, ...]  # the ids at the end of the words of a message that alone is too long


def fitted(messages: Sequence[Mapping[str, str]], codec: Codec, *, room: int) -> Fitted:
    """The ids of a conversation up to where the assistant begins, at most `room`: the oldest turns go first, a system prompt stays, and of
    a last message that is too long alone the end is cut off. InputError where the system prompt or the limit leaves it no place."""
    first = int(messages[0]["role"] == "system")
    for turn in sorted({0, *(at - first for at in range(first, len(messages)) if messages[at]["role"] == "user")}):
        ids = codec.chat([*messages[:first], *messages[first + turn :]])
        if len(ids) <= room:
            return Fitted(ids, turn, ())
    *left, last = [*messages[:first], *messages[first + turn :]]
    bare = codec.chat([*left, {**last, "content": ""}])
    if first and left and ((alone := len(codec.chat([*left[1:], last]))) <= room or len(bare) >= room):
        told = f"the system prompt, with notes and a summary in it, takes {len(ids) - alone} of {room} tokens, the last message {alone}"
        raise InputError(told, mend="a shorter system prompt or summary, fewer notes, or a smaller token limit")
    if len(bare) >= room:
        raise InputError("the answer's token limit leaves no room for a question", mend="a smaller token limit")
    behind = len(bare) - _alike(ids, bare)  # what ends the turn and begins the assistant's
    end = len(ids) - behind
    return Fitted([*ids[: room - behind], *ids[end:]], turn, tuple(ids[room - behind : end]))


def _alike(ids: Sequence[int], others: Sequence[int]) -> int:
    """How many stand at the beginning of both."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(ids, others, strict=False)))
