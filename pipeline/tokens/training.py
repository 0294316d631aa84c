"""A vocabulary of the kind that is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import tokenizers
from pydantic import PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.tokens.kinds import bpe, bpe_characters, byte, character, unigram, word, wordpiece
from pipeline.tokens.kinds.parts import Train, need_bytes, need_one
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import THINK_TOKENS
from pipeline.tokens.vocabulary_size import Carrier, vocab_size_for

Kind = Literal["bpe", "bpe_characters", "wordpiece", "unigram", "word", "character", "byte", "import"]
CUT: Mapping[str, Train] = {  # text is cut by a pattern first
    "bpe": bpe.train,
    "bpe_characters": bpe_characters.train,
    "wordpiece": wordpiece.train,
    "unigram": unigram.train,
    "word": word.train,
}
OF_BYTES = ("bpe", "byte")
WHOLE = {"character": character.train, "byte": byte.train}


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What conf says of it."""

    kind: Kind
    pattern: Pattern | None
    vocab_size: PositiveInt | Literal["auto"]  # tokens; auto: by the bytes of the text and the model
    model: Carrier | None  # of auto
    think_tokens: bool  # <think> and </think>, two of vocab_size, are added

    def __post_init__(self) -> None:
        check(self.kind, self.pattern)
        if isinstance(self.vocab_size, int) and self.kind != "import":
            added = len(THINK_TOKENS) if self.think_tokens else 0
            need_bytes(self.vocab_size, added=added) if self.kind in OF_BYTES else need_one(self.vocab_size, "one of the text", added=added)

    def learned(self, texts: Iterable[str], *, size: int) -> tokenizers.Tokenizer:
        """From texts of `size` bytes, with room for what is added."""
        wanted, fewer = (vocab_size_for(size, self.model), True) if self.vocab_size == "auto" else (self.vocab_size, False)
        added = len(THINK_TOKENS) if self.think_tokens else 0
        return train(self.kind, texts, vocab_size=wanted - added, pattern=self.pattern, fewer=fewer)


def check(kind: Kind, pattern: Pattern | None) -> None:
    """PipelineError for a pattern that is missing or would change nothing."""
    if kind in CUT and pattern is None:
        raise PipelineError(f"tokenizer.kind={kind} cuts text by a pattern first", mend=f"tokenizer.pattern={get_args(Pattern)[0]}")
    if kind not in CUT and pattern is not None:
        raise PipelineError(f"tokenizer.kind={kind} has no pattern, and tokenizer.pattern is {pattern}", mend="tokenizer.pattern=null")


def train(kind: Kind, texts: Iterable[str], *, vocab_size: int, pattern: Pattern | None, fewer: bool) -> tokenizers.Tokenizer:
    """Learn a vocabulary from texts that begin anew each time; `vocab_size` tokens, or `fewer` where the text yields no more."""
    check(kind, pattern)
    if pattern is None:
        return WHOLE[kind](texts, vocab_size=vocab_size)
    return CUT[kind](texts, vocab_size=vocab_size, pattern=pattern, fewer=fewer)
