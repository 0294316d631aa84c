"""A byte-level BPE tokenizer: trained, saved for transformers, and loaded so that data can't forge special tokens.

Every byte has a token, so any text comes back unchanged. Sennrich et al. 2016 (BPE), Radford et al. 2019 (bytes).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tokenizers
from pydantic import PositiveInt
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import InputError
from pipeline.core.files import write_json, write_text
from pipeline.tokens.chat import TEMPLATE
from pipeline.tokens.special import END, ENDOFTEXT, IDS, PAD

ALPHABET = 256  # bytes
MIN_FREQUENCY = 2  # a pair seen once says nothing about the next text
FEWEST, MOST = 512, 32768  # tokens of a vocabulary that is derived from the text
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """The model that will learn the vocabulary."""

    layers: PositiveInt
    hidden_size: PositiveInt


def vocab_size_for(size: int, carrier: Carrier | None) -> int:
    """The tokens of a vocabulary for so many bytes of text: the power of two next to what text and model ask for, within FEWEST and MOST.

    The text gives the square root of its bytes: so do its different words grow (Heaps 1978), and only a token that was met often is
    learned. The model carries as many as take a third of the weights inside its layers, 12 x layers x width^2 (Kaplan et al. 2020): beyond
    it the head costs more than shorter sequences save. Small models ask for small vocabularies: Tao et al. 2024; measured, log 2026-12-01.
    """
    carried = math.inf if carrier is None else 4 * carrier.layers * carrier.hidden_size
    return min(MOST, max(FEWEST, 1 << round(math.log2(min(max(1.0, size**0.5), carried)))))


def train(texts: Iterable[str], *, vocab_size: int, fewer: bool = False) -> tokenizers.Tokenizer:
    """Learn a vocabulary of exactly `vocab_size` tokens, including the special ones and the 256 bytes.

    The same texts in any order give the same tokenizer to the byte. InputError if the size is too small
    for the alphabet, or too large for the number of pairs in the text, unless `fewer` are allowed.
    """
    least = len(IDS) + ALPHABET
    if vocab_size < least:
        raise InputError(
            f"a vocabulary of {vocab_size} has no room for {ALPHABET} bytes and {len(IDS)} special tokens",
            mend=f"tokenizer.vocab_size={least}",
        )
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=MIN_FREQUENCY,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in IDS],
    )
    tokenizer.train_from_iterator(texts, trainer)
    if (reached := tokenizer.get_vocab_size()) < vocab_size and not fewer:
        raise InputError(
            f"the text is too short for {vocab_size} tokens: it yields {reached}", mend=f"tokenizer.vocab_size={reached}, or more text"
        )
    return _safe(tokenizer)


def save(tokenizer: tokenizers.Tokenizer, target: Tokenizer) -> None:
    """Write the folder that AutoTokenizer.from_pretrained reads, chat template included."""
    with target.writing() as draft:
        tokenizer.save(str(draft.path / "tokenizer.json"), pretty=True)
        names = {"bos_token": ENDOFTEXT, "eos_token": END, "pad_token": PAD}
        write_json(draft.path / "special_tokens_map.json", names | {"additional_special_tokens": list(IDS)})
        write_json(draft.path / "tokenizer_config.json", names | _CONFIG)
        write_text(draft.path / "chat_template.jinja", TEMPLATE)
        draft.facts["vocabulary"] = tokenizer.get_vocab_size()


def load(artifact: Tokenizer) -> tokenizers.Tokenizer:
    """The tokenizer, with special tokens in a text encoded as plain text."""
    return read(artifact.file("tokenizer.json"))


def read(path: Path) -> tokenizers.Tokenizer:
    """The same from any tokenizer.json, e.g. in a model folder."""
    return _safe(tokenizers.Tokenizer.from_file(str(path)))


def encode(texts: list[str], tokenizer: tokenizers.Tokenizer) -> list[list[int]]:
    """The ids of each text, without BOS."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def bytes_of(batches: Iterable[list[str]]) -> int:
    """UTF-8 bytes of batches of texts."""
    return sum(len(text.encode()) for texts in batches for text in texts)


def bytes_per_token(batches: Iterable[list[str]], tokenizer: tokenizers.Tokenizer) -> float:
    """How many UTF-8 bytes a token carries on average over batches of texts; 0 for no text."""
    size, tokens = 0, 0
    for texts in batches:
        size += bytes_of([texts])
        tokens += sum(len(ids) for ids in encode(texts, tokenizer))
    return size / max(1, tokens)


def vocabulary(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The tokens in the order of their ids, in the byte-level alphabet."""
    ids: Mapping[str, int] = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "additional_special_tokens": list(IDS),
    "clean_up_tokenization_spaces": False,
    "add_prefix_space": False,
    "model_input_names": ["input_ids", "attention_mask"],
    "padding_side": "left",
}


def _safe(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Data must not be able to inject special tokens; the flag is not saved in tokenizer.json."""
    tokenizer.encode_special_tokens = True
    return tokenizer
