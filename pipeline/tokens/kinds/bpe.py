"""Byte-level BPE: every byte has a token, so any text comes back unchanged.

Sennrich et al. 2016 (BPE), Radford et al. 2019 (bytes, the pattern gpt2).
"""

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from pipeline.core.progress import watched
from pipeline.tokens.kinds.parts import cut, filled, need_bytes, special
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import IDS

MIN_FREQUENCY = 2  # a pair seen once says nothing about the next text


def train(texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool = False) -> tokenizers.Tokenizer:
    """Learn a vocabulary of exactly `vocab_size` tokens, including the special ones and the 256 bytes.

    InputError if the size is too small for the alphabet, or too large for the number of pairs in the text, unless `fewer` are allowed.
    """
    need_bytes(vocab_size)
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = bytes_of_pieces(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        show_progress=watched(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=special(IDS),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return filled(tokenizer, vocab_size=vocab_size, fewer=fewer)


def bytes_of_pieces(pattern: Pattern) -> pre_tokenizers.PreTokenizer:
    """Text into pieces, a character of the byte-level alphabet for each of their bytes; gpt2 is built into it."""
    if pattern == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return pre_tokenizers.Sequence([cut(pattern), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
