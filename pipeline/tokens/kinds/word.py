"""A token for each of the most frequent pieces, words with the blank before them; all others are unknown."""

from collections.abc import Iterable

import tokenizers
from tokenizers import models, trainers

from pipeline.core.progress import watched
from pipeline.tokens.kinds.parts import NAMES, need_one, over_characters, special
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import UNKNOWN
from pipeline.tokens.tokenizer import safe


def train(texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool = True) -> tokenizers.Tokenizer:
    """The `vocab_size` most frequent at most, whatever `fewer` says: a text has as many words as it has."""
    need_one(vocab_size, "a word")
    tokenizer = over_characters(models.WordLevel(vocab={}, unk_token=UNKNOWN), pattern=pattern)
    trainer = trainers.WordLevelTrainer(vocab_size=vocab_size, show_progress=watched(), special_tokens=special(NAMES))
    tokenizer.train_from_iterator(texts, trainer)
    return safe(tokenizer)
