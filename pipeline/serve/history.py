"""A conversation that fits: what a model no longer reads is counted, never dropped in silence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.errors import InputError
from pipeline.tokens.codec import Codec


@dataclass(frozen=True)
class Fitted:
    """A prompt with room behind it."""

    ids: list[int]
    forgotten: int  # messages, the oldest behind a system prompt
    cut: tuple[int, ...]  # the ids at the end of a message that alone is too long


def fitted(messages: Sequence[Mapping[str, str]], codec: Codec, *, room: int) -> Fitted:
    """The ids of a conversation up to where the assistant begins, at most `room`: the oldest turns go first, a system prompt stays."""
    if room < 1:
        raise InputError("the answer's token limit leaves no room for a question", mend="a smaller token limit")
    first = int(messages[0]["role"] == "system")
    for turn in sorted({0, *(at - first for at in range(first, len(messages)) if messages[at]["role"] == "user")}):
        ids = codec.chat([*messages[:first], *messages[first + turn :]])
        if len(ids) <= room:
            return Fitted(ids, turn, ())
    return Fitted(ids[: room - 1] + ids[-1:], turn, tuple(ids[room - 1 : -1]))
