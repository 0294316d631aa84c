"""What kinds of tokenizers share: how text is cut before tokens are sought, special tokens, and how sizes are told."""

from collections.abc import Iterable
from typing import Protocol

import tokenizers
from tokenizers import AddedToken, Regex, decoders, pre_tokenizers

from pipeline.core.errors import InputError
from pipeline.tokens.patterns import PATTERNS, Pattern
from pipeline.tokens.special import IDS, UNKNOWN
from pipeline.tokens.tokenizer import safe

BYTES = "tokenizer=bpe"  # has room for any text
ALPHABET = 256  # bytes
NAMES = [*IDS, UNKNOWN]  # special tokens of a kind that does not hold every byte


class Train(Protocol):
    """What a kind's `train` is: `vocab_size` tokens, special ones included; `fewer` are right too where the text yields no more.

    The texts must begin anew each time that they are iterated over.
    """

    def __call__(self, texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool) -> tokenizers.Tokenizer: ...


def cut(pattern: Pattern) -> pre_tokenizers.PreTokenizer:
    """Text into pieces that lose nothing."""
    return pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated")


def special(names: Iterable[str]) -> list[AddedToken]:
    """Tokens that are no text."""
    return [AddedToken(name, special=True, normalized=False) for name in names]


def over_characters(model: tokenizers.models.Model, *, pattern: Pattern | None) -> tokenizers.Tokenizer:
    """A tokenizer whose tokens, written one after the other, are the text."""
    tokenizer = tokenizers.Tokenizer(model)
    if pattern:
        tokenizer.pre_tokenizer = cut(pattern)
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def need(least: int, vocab_size: int, what: str, *, otherwise: str = "") -> None:
    """InputError where a vocabulary has no room for what it must hold; the mend is a larger one, or `otherwise`."""
    if vocab_size < least:
        mend = f"tokenizer.vocab_size={least}{f', or {otherwise}' if otherwise else ''}"
        raise InputError(f"tokenizer.vocab_size={vocab_size} has no room for {what}: that are {least}", mend=mend)


def need_bytes(vocab_size: int, *, added: int = 0) -> None:
    """The same for all bytes, the special tokens, and what is added to them."""
    need(len(IDS) + ALPHABET + added, vocab_size, f"{ALPHABET} bytes and {len(IDS) + added} special tokens")


def need_one(vocab_size: int, what: str, *, added: int = 0) -> None:
    """The same for the special tokens, what is added to them, and one of something else."""
    need(len(NAMES) + added + 1, vocab_size, f"{len(NAMES) + added} special tokens and {what}")


def need_characters(characters: int, vocab_size: int) -> None:
    """The same for the special tokens and so many characters of the text."""
    what = f"{len(NAMES)} special tokens and the text's {characters} characters"
    need(len(NAMES) + characters, vocab_size, what, otherwise=BYTES)


def filled(tokenizer: tokenizers.Tokenizer, *, vocab_size: int, fewer: bool) -> tokenizers.Tokenizer:
    """The tokenizer; InputError with the size that is right where the text yields another one."""
    if (reached := tokenizer.get_vocab_size()) < vocab_size and not fewer:
        raise InputError(
            f"the text is too short for {vocab_size} tokens: it yields {reached}", mend=f"tokenizer.vocab_size={reached}, or more text"
        )
    return safe(tokenizer)
