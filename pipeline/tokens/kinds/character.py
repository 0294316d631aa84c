"""A token for each of the most frequent characters; all others are unknown."""

from collections import Counter
from collections.abc import Iterable

import tokenizers
from tokenizers import models

from pipeline.tokens.kinds.parts import NAMES, need_one, over_characters, special
from pipeline.tokens.special import UNKNOWN
from pipeline.tokens.tokenizer import safe


def train(texts: Iterable[str], *, vocab_size: int) -> tokenizers.Tokenizer:
    """The `vocab_size` most frequent at most, in the order of code points; of equals the lower code points."""
    need_one(vocab_size, "a character")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kept = sorted(counts, key=lambda character: (-counts[character], character))[: vocab_size - len(NAMES)]
    vocabulary = {token: number for number, token in enumerate([*NAMES, *sorted(kept)])}
    tokenizer = over_characters(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN, fuse_unk=False), pattern=None)
    tokenizer.add_special_tokens(special(NAMES))
    return safe(tokenizer)
