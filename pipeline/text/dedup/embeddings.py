"""Embeddings of documents by static models: a document is the mean of the vectors of its tokens, and no network runs.

Such models are those of model2vec and StaticEmbedding of sentence-transformers: a folder with tokenizer.json and a matrix in safetensors.

A document's vector is rounded to whole numbers, of length SCALE. Products of such vectors, and all their partial sums, are whole numbers
below 2^24 (Cauchy and Schwarz), which float32 holds exactly: whatever order, blocks, threads and instructions compute them, the bits are
the same. The cosine is thereby off by a few 1e-4 at most.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from pipeline.core.errors import InputError
from pipeline.core.files import sha256_of
from pipeline.core.kernel import kernel
from pipeline.core.progress import progress

Vectors = npt.NDArray[np.int16]  # [documents, dimensions], of length SCALE but for rounding; 0 where no token has a vector

SCALE = 4000
_LARGEST = 4096  # dimensions: with more, rounding could carry a product to 2^24
_FORMAT = 1  # of the vectors; raised when their meaning changes
_PLACES = ("", "0_StaticEmbedding")  # where a model lies in its folder
_NAMES = ("embeddings", "embedding.weight")  # of model2vec, of sentence-transformers
_FILES = ("model.safetensors", "tokenizer.json")
_TOKEN = 16  # characters: what lies beyond this many for each token asked for is not looked at
_BATCH = 64  # documents tokenized at a time
_MEND = "dedup.embedding_model=FOLDER with tokenizer.json and model.safetensors of a static model (model2vec); or dedup=minhash"


@dataclass(frozen=True)
class StaticModel:
    """A vector for each token of a tokenizer."""

    tokenizer: Any  # of the package tokenizers
    vectors: npt.NDArray[np.float32]  # [rows, dimensions]
    rows: npt.NDArray[np.int64]  # the row of each token
    weights: npt.NDArray[np.float64]  # of each token; 0 for the unknown one

    def encode(self, texts: Sequence[str], max_tokens: int | None) -> Vectors:
        """The vectors of texts, of the first `max_tokens` tokens of each; None: of all."""
        found: Vectors = np.zeros((len(texts), self.vectors.shape[1]), np.int16)
        for first in progress(range(0, len(texts), _BATCH), "embeddings"):
            some = [text if max_tokens is None else text[: max_tokens * _TOKEN] for text in texts[first : first + _BATCH]]
            ids = [encoding.ids[:max_tokens] for encoding in self.tokenizer.encode_batch_fast(some, add_special_tokens=False)]
            starts = np.cumsum([0, *map(len, ids)])
            tokens = np.fromiter((token for one in ids for token in one), np.int64, int(starts[-1]))
            _means(tokens, starts, self.vectors, self.rows, self.weights, np.empty(found.shape[1]), found[first : first + _BATCH])
        return found


def model_digest(folder: Path) -> str:
    """What names a model's vectors: another one for another file. Raises InputError if there is no static model."""
    place = _place(folder)
    return hashlib.sha256(json.dumps([_FORMAT, *(sha256_of(place / name) for name in _FILES)]).encode()).hexdigest()


@cache
def load_model(folder: Path, digest: str) -> StaticModel:
    """The model in a folder whose content has this digest. Raises InputError if it is none that can be used."""
    del digest  # names what is kept
    from tokenizers import Tokenizer

    place = _place(folder)
    try:
        tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    except Exception as fault:  # the package has no class of its own
        raise InputError(f"{place / 'tokenizer.json'} can't be read: {fault}", mend=_MEND) from fault
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tensors = _tensors(place / "model.safetensors")
    name = next(name for name in _NAMES if name in tensors)
    vectors, count = np.ascontiguousarray(tensors[name], np.float32), tokenizer.get_vocab_size()
    rows = np.asarray(tensors.get("mapping", np.arange(len(vectors))), np.int64)
    weights = np.asarray(tensors.get("weights", np.ones(len(rows))), np.float64)
    fits = vectors.ndim == 2 and 0 < vectors.shape[1] <= _LARGEST and rows.shape == weights.shape and rows.ndim == 1 and rows.size >= count
    if not fits or not np.isfinite(vectors).all() or not np.isfinite(weights).all() or rows.min() < 0 or rows.max() >= len(vectors):
        raise InputError(
            f"{place}: {count} tokens do not go with vectors {vectors.shape}, mapping {rows.shape} and weights {weights.shape},"
            f" or there are more than {_LARGEST} dimensions, or numbers that are not finite",
            mend=_MEND,
        )
    unknown = _unknown_token(tokenizer)
    if unknown is not None:
        weights = np.where(np.arange(weights.size) == unknown, 0.0, weights)
    return StaticModel(tokenizer, vectors, rows, weights)


def _place(folder: Path) -> Path:
    """Where in the folder the model lies."""
    for place in (folder / name for name in _PLACES):
        if all((place / name).is_file() for name in _FILES):
            return place
    raise InputError(f"{folder} holds no static embedding model: no {' and '.join(_FILES)}", mend=_MEND)


def _tensors(path: Path) -> dict[str, Any]:
    """The tensors of a model that is nothing but vectors."""
    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            if not set(names) <= {*_NAMES, "weights", "mapping"} or len({*_NAMES} & set(names)) != 1:
                raise InputError(
                    f"{path} is no static embedding model: besides {' or '.join(_NAMES)} it has {', '.join(sorted(names)[:5])} ...",
                    mend=_MEND,
                )
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError) as fault:  # damaged; a type that numpy lacks
        raise InputError(f"{path} can't be read: {fault}", mend=_MEND) from fault


def _unknown_token(tokenizer: Any) -> int | None:
    """The id of what stands for everything unknown: it says nothing about a text."""
    model = json.loads(tokenizer.to_str())["model"]
    if (found := model.get("unk_id")) is not None:  # of Unigram
        return int(found)
    name = model.get("unk_token")
    return None if name is None else tokenizer.token_to_id(name)


@kernel
def _means(tokens, starts, vectors, rows, weights, sums, found):  # type: ignore[no-untyped-def]
    """Fill in the rounded direction of the weighted sum of each document's vectors, summed in the order of its tokens."""
    for document in range(starts.size - 1):
        sums[:] = 0.0
        for place in range(starts[document], starts[document + 1]):
            vector, weight = vectors[rows[tokens[place]]], weights[tokens[place]]
            for dimension in range(sums.size):
                sums[dimension] += weight * np.float64(vector[dimension])
        length = 0.0
        for dimension in range(sums.size):
            length += sums[dimension] * sums[dimension]
        length = np.sqrt(length)
        for dimension in range(sums.size):
            found[document, dimension] = np.int16(np.rint(sums[dimension] / length * SCALE)) if length > 0.0 else 0
