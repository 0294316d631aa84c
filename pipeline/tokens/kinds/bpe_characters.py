"""BPE over characters (Sennrich et al. 2016): merges start from the characters of the text; others are unknown."""

from collections.abc import Iterable

import tokenizers
from tokenizers import models, trainers

from pipeline.core.progress import watched
from pipeline.tokens.kinds.bpe import MIN_FREQUENCY
from pipeline.tokens.kinds.parts import NAMES, filled, need_characters, over_characters, special
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import UNKNOWN


def train(texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool = False) -> tokenizers.Tokenizer:
    """Learn exactly `vocab_size` tokens, all characters of the text among them. InputError where these alone are more."""
    tokenizer = over_characters(models.BPE(unk_token=UNKNOWN, fuse_unk=False), pattern=pattern)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=MIN_FREQUENCY, show_progress=watched(), special_tokens=special(NAMES)
    )  # it sorts the characters
    tokenizer.train_from_iterator(texts, trainer)
    need_characters(tokenizer.get_vocab_size() - len(NAMES), vocab_size)
    return filled(tokenizer, vocab_size=vocab_size, fewer=fewer)
