"""WordPiece: the longest known beginning of a piece, then of its rest, marked ## (Schuster and Nakajima 2012, Devlin et al. 2019).

Learned as `tokenizers` does, by the merges of BPE; encoded greedily. That trainer numbers the characters within words in the order of a
hash map, another one each run (tokenizers issue 1794): given to it as special tokens they come in our order, and are none afterwards.
"""

import json
from collections.abc import Iterable

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from pipeline.core.progress import watched
from pipeline.tokens.kinds.bpe import MIN_FREQUENCY
from pipeline.tokens.kinds.parts import BYTES, NAMES, cut, filled, need, special
from pipeline.tokens.patterns import Pattern
from pipeline.tokens.special import UNKNOWN

WITHIN = "##"
LONGEST = 256  # characters of a piece; longer ones are unknown, for the search is quadratic


def train(texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool = False) -> tokenizers.Tokenizer:
    """Learn exactly `vocab_size` tokens, each character of the text twice among them: at the beginning of a piece and within.

    The texts are read twice, one at a time.
    """
    found = set[str]()
    for text in texts:
        found.update(text)
    characters = sorted(found)
    what = f"{len(NAMES)} special tokens and twice {len(characters)} characters"
    need(len(NAMES) + 2 * len(characters), vocab_size, what, otherwise=BYTES)
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=LONGEST))
    # no piece begins with ##: each # stands alone
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("#", "isolated"), cut(pattern)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace(Regex(f"^{WITHIN}"), ""), decoders.Fuse()])
    within = [WITHIN + character for character in characters]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        show_progress=watched(),
        initial_alphabet=characters,
        special_tokens=special([*NAMES, *within]),
        continuing_subword_prefix=WITHIN,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return filled(_plain(tokenizer), vocab_size=vocab_size, fewer=fewer)


def _plain(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same with our special tokens only."""
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [row for row in content["added_tokens"] if row["content"] in NAMES]
    content["model"]["max_input_chars_per_word"] = LONGEST
    return tokenizers.Tokenizer.from_str(json.dumps(content))
