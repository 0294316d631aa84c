"""A tokenizer of any kind: saved for transformers, and loaded so that data can't forge special tokens. kinds/ make them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import decoders

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.files import write_json, write_text
from pipeline.tokens.chat import template_of
from pipeline.tokens.special import END, ENDOFTEXT, IDS, PAD, THINK_TOKENS
from pipeline.tokens.thinking import think_ids

Ids = npt.NDArray[np.uint32]

FAST = 1 << 20  # characters from which on the kernel is worth its start; the first time it is compiled, 4 s
BATCH = 1 << 22  # characters that are encoded at once
_met: WeakKeyDictionary[tokenizers.Tokenizer, int] = WeakKeyDictionary()  # characters
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def save(tokenizer: tokenizers.Tokenizer, target: Tokenizer) -> None:
    """Write the folder that AutoTokenizer.from_pretrained reads, chat template included."""
    with target.writing() as draft:
        tokenizer.save(str(draft.path / "tokenizer.json"), pretty=True)
        names = {"bos_token": ENDOFTEXT, "eos_token": END, "pad_token": PAD}
        if (unknown := unknown_id(tokenizer)) is not None:
            names["unk_token"] = str(tokenizer.id_to_token(unknown))
        special = {"additional_special_tokens": [*IDS, *(THINK_TOKENS if think_ids(tokenizer) else ())]}
        write_json(draft.path / "special_tokens_map.json", names | special)
        write_json(draft.path / "tokenizer_config.json", names | special | _CONFIG)
        write_text(draft.path / "chat_template.jinja", template_of(tokenizer))
        draft.facts["vocabulary"] = tokenizer.get_vocab_size()


def load(artifact: Tokenizer) -> tokenizers.Tokenizer:
    """The tokenizer, with special tokens in a text encoded as plain text."""
    return read(artifact.file("tokenizer.json"))


def read(path: Path) -> tokenizers.Tokenizer:
    """The same from any tokenizer.json, e.g. in a model folder."""
    return safe(tokenizers.Tokenizer.from_file(str(path)))


def safe(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Data must not be able to inject special tokens; the flag is not saved in tokenizer.json."""
    tokenizer.encode_special_tokens = True
    return tokenizer


def encode(texts: list[str], tokenizer: tokenizers.Tokenizer) -> list[list[int]]:
    """The ids of each text, without BOS."""
    return [ids.tolist() for ids in encode_arrays(texts, tokenizer)]


def encode_arrays(texts: Sequence[str], tokenizer: tokenizers.Tokenizer) -> list[Ids]:
    """The same as arrays, 4 bytes a token. Beside them no more than a batch is held."""
    return [ids for batch in _batches(texts) for ids in _encoded(batch, tokenizer)]


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in runs of BATCH characters at most, or of one text."""
    first, size = 0, 0
    for place, text in enumerate(texts):
        if place > first and size + len(text) > BATCH:
            yield texts[first:place]
            first, size = place, 0
        size += len(text)
    if first < len(texts):
        yield texts[first:]


def _encoded(texts: Sequence[str], tokenizer: tokenizers.Tokenizer) -> list[Ids]:
    found: list[Ids | None] = [None] * len(texts)
    _met[tokenizer] = _met.get(tokenizer, 0) + sum(map(len, texts))
    if _met[tokenizer] >= FAST:
        from pipeline.tokens.encoder import encoder_of  # numba is imported where much is encoded

        if encoder := encoder_of(tokenizer):
            found = encoder(texts)
    missing = [text for text, ids in zip(texts, found, strict=True) if ids is None]
    rest = iter(tokenizer.encode_batch_fast(missing, add_special_tokens=False))
    return [np.array(next(rest).ids, np.uint32) if ids is None else ids for ids in found]


def unknown_id(tokenizer: tokenizers.Tokenizer) -> int | None:
    """The token of what the vocabulary can't say; None where it can say everything."""
    model = json.loads(tokenizer.to_str())["model"]
    name: str | None = model.get("unk_token")
    return tokenizer.token_to_id(name) if name else model.get("unk_id")


def widths(tokenizer: tokenizers.Tokenizer) -> list[int]:
    """The bytes that each token stands for; 0 for an unknown one, which says none of its own."""
    if isinstance(tokenizer.decoder, decoders.ByteLevel):
        return [len(token) for token in vocabulary(tokenizer)]
    unknown = unknown_id(tokenizer)
    texts = ((number, tokenizer.decode([number], skip_special_tokens=False)) for number in range(tokenizer.get_vocab_size()))
    return [0 if number == unknown else len(text.encode()) for number, text in texts]


def vocabulary(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """The tokens in the order of their ids, as tokenizer.json spells them: a byte-level one has a character for each byte."""
    ids: Mapping[str, int] = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "clean_up_tokenization_spaces": False,
    "add_prefix_space": False,
    "model_input_names": ["input_ids", "attention_mask"],
    "padding_side": "left",
}
