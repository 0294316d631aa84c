"""What a model reads and writes: text and dialogues as its ids, and what ends them. Ours; others' are in model/candidate.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import tokenizers

from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import END, ENDOFTEXT, ENDS, IDS, THINK

_NEAR = 16  # tokens at the end of a prompt among which <think> and blanks behind it are, even where it is no token of its own


class Codec(Protocol):
    """A tokenizer with its special tokens and chat format."""

    @property
    def tokenizer(self) -> tokenizers.Tokenizer:
        """Of plain text."""
        ...

    @property
    def start(self) -> list[int]:
        """What stands before every document."""
        ...

    @property
    def turn_ends(self) -> tuple[int, ...]:
        """What ends an answer; the first is written where one has ended."""
        ...

    @property
    def document_ends(self) -> tuple[int, ...]:
        """What ends a text or a turn."""
        ...

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """A dialogue up to where the assistant begins."""
        ...


@dataclass(frozen=True)
class Own:
    """The special tokens and the chat format of our models."""

    tokenizer: tokenizers.Tokenizer
    turn_ends = (IDS[END],)
    document_ends = ENDS

    @property
    def start(self) -> list[int]:
        return [IDS[ENDOFTEXT]]

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        return encode_chat(messages, self.tokenizer, add_generation_prompt=True)[0]


def ids_of(text: str, codec: Codec) -> list[int]:
    """The ids of a plain text."""
    return list(codec.tokenizer.encode(text, add_special_tokens=False).ids)


def text_behind(prompt: Sequence[int], ids: Sequence[int], codec: Codec) -> str:
    """The text that a model wrote behind a prompt, special tokens visible. Where the prompt ends in an opened thought, as chat templates of
    models that think may, the text begins with `<think>`: what the thought says is no answer, whether it ends or not."""
    text = codec.tokenizer.decode(list(ids), skip_special_tokens=False)
    opened = codec.tokenizer.decode(list(prompt[-_NEAR:]), skip_special_tokens=False).rstrip().endswith(THINK)
    return THINK + text if opened else text


def special_token_ids(tokenizer: tokenizers.Tokenizer) -> frozenset[int]:
    """Those of tokens that no text is made of."""
    return frozenset(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)
