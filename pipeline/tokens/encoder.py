"""Byte-level BPE of a tokenizer by our own kernel: the ids of `tokenizers`, many times faster."""

import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import tokenizers

from pipeline.tokens.encoding_kernel import LONGEST, MOST, WORDS, add_pairs, encode_documents
from pipeline.tokens.patterns import Pattern, pattern_of
from pipeline.tokens.unicode_classes import unicode_classes

Ids = npt.NDArray[np.uint32]
KNOWN = 1 << 16  # pieces whose tokens are remembered; a new one takes the place of an old
_encoders: "WeakKeyDictionary[tokenizers.Tokenizer, Encoder | None]" = WeakKeyDictionary()


def encoder_of(tokenizer: tokenizers.Tokenizer) -> "Encoder | None":
    """The encoder of a tokenizer, made once (tokens that are added later are not seen); None where only `tokenizers` knows how."""
    if tokenizer not in _encoders:
        content = json.loads(tokenizer.to_str())
        pattern = pattern_of(content) if tokenizer.encode_special_tokens else None
        _encoders[tokenizer] = None if pattern is None else Encoder(content["model"], pattern)
    return _encoders[tokenizer]


class Encoder:
    """The tables of one tokenizer."""

    def __init__(self, model: Mapping[str, Any], pattern: Pattern) -> None:
        vocab: dict[str, int] = model["vocab"]
        merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
        left, right, made = (
            np.array([vocab[token] for token in some], np.uint32)
            for some in ([one for one, _ in merges], [other for _, other in merges], [one + other for one, other in merges])
        )
        size = 1 << (4 * len(merges) | 1).bit_length()  # at most a quarter of it is taken
        pairs = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        add_pairs(pairs, left, right, np.arange(len(merges), dtype=np.int64) << 32 | made)
        base = np.array([vocab[character] for character in byte_alphabet()], np.uint32)
        self._how = unicode_classes(), pattern == "gpt4", base, pairs
        lengths, counts = np.zeros(KNOWN, np.uint8), np.zeros(KNOWN, np.uint8)
        self._known = np.zeros((KNOWN, WORDS), np.uint64), lengths, counts, np.zeros((KNOWN, MOST), np.uint32)
        self._work = np.zeros(LONGEST, np.uint32), np.zeros(LONGEST, np.int64)
        self._door = Lock()  # what is known and the work are written to

    def __call__(self, texts: Sequence[str]) -> list[Ids | None]:
        """The ids of each text; None where a piece of it is too long for the kernel."""
        documents = [text.encode() for text in texts]
        data = np.frombuffer(b"".join(documents), np.uint8)
        ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
        out = np.empty(data.size, np.uint32)
        with self._door:
            encode_documents(data, ends, self._how, self._known, self._work, out)
        ids = out[: ends.max(initial=0)].copy()  # views of `out` would hold all of it
        found: list[Ids | None] = []
        start = 0
        for end in ends.tolist():
            found.append(None if end < 0 else ids[start:end])
            start = max(start, end)
        return found


def byte_alphabet() -> list[str]:
    """The character that stands for each byte (Radford et al. 2019): itself where it can be seen, else one from U+0100 on."""
    seen = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(0x100) if byte not in seen]
    return [chr(byte) if byte in seen else chr(0x100 + hidden.index(byte)) for byte in range(0x100)]
