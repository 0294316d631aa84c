"""A vocabulary of the kind that is asked for."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import tokenizers

from pipeline.core.errors import PipelineError
from pipeline.tokens.kinds import bpe, bpe_characters, byte, character, unigram, word, wordpiece
from pipeline.tokens.kinds.parts import Train
from pipeline.tokens.patterns import Pattern

Kind = Literal["bpe", "bpe_characters", "wordpiece", "unigram", "word", "character", "byte", "import"]
CUT: Mapping[str, Train] = {  # text is cut by a pattern first
    "bpe": bpe.train,
    "bpe_characters": bpe_characters.train,
    "wordpiece": wordpiece.train,
    "unigram": unigram.train,
    "word": word.train,
}
WHOLE = {"character": character.train, "byte": byte.train}


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
