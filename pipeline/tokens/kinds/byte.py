"""A token for each of the 256 bytes: nothing is learned, any text comes back unchanged (Xue et al. 2022, ByT5)."""

from collections.abc import Iterable

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from pipeline.tokens.kinds.parts import need_bytes, special
from pipeline.tokens.special import IDS
from pipeline.tokens.tokenizer import safe


def train(texts: Iterable[str], *, vocab_size: int) -> tokenizers.Tokenizer:
    """262 tokens, the special ones among them, whatever the texts; InputError where `vocab_size` allows fewer."""
    need_bytes(vocab_size)
    names = [*IDS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special(IDS))
    return safe(tokenizer)
