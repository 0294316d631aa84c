"""What a model makes of a text of one's own: its tokens, the loss at each, what may come next, and what looks at what."""

import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import tokenizers

from pipeline.core.errors import InputError
from pipeline.serve.engines import Engine
from pipeline.serve.outlook import outlook_of, shown
from pipeline.tokens.codec import Codec, ids_of, special_token_ids
from pipeline.tokens.special import UNKNOWN

SEEN = 96  # tokens whose attention is shown: the picture has the square of it


def tokens_of(text: str, tokenizer: tokenizers.Tokenizer, *, special: bool) -> list[dict[str, Any]]:
    """Each token of a text: id, text, and its place in the text as characters. `special`: what spells a special token is that token."""
    found = (believing(tokenizer) if special else tokenizer).encode(text, add_special_tokens=False)
    names = special_token_ids(tokenizer)
    return [
        {"id": token, "text": shown(token, tokenizer), "special": token in names, "start": start, "end": end}
        for token, (start, end) in zip(found.ids, found.offsets, strict=True)
    ]


def losses(text: str, engine: Engine, *, special: bool) -> dict[str, Any]:
    """-log p of each token of a text in nats, with what else was likely; the mean, and bits a byte. The first follows the token that begins
    a document, which has no loss where the text spells it. Special tokens have a loss, which counts in the mean, and no bytes: bits a byte
    are of the others, None where there is no other."""
    ids, start, names = fit(text, engine, special=special), list(engine.codec.start), special_token_ids(engine.codec.tokenizer)
    logits = engine.logits([*start, *ids])[len(start) - 1 :]
    rows = list[dict[str, Any]]()
    for token, before in zip(ids, logits, strict=False):
        chances = before.double().log_softmax(-1)
        own = float(chances[token])
        rank = 1 + int(chances.gt(own).sum())
        outlook = outlook_of(before).as_json(engine.codec.tokenizer)
        told = {"id": token, "text": shown(token, engine.codec.tokenizer), "special": token in names}
        rows.append({**told, "loss": -own, "rank": rank, "outlook": outlook})
    silent = names - {engine.codec.tokenizer.token_to_id(UNKNOWN)}  # which stands for bytes
    bits = sum(row["loss"] for row in rows if row["id"] not in silent) / math.log(2)
    named = [text[row["start"] : row["end"]] for row in tokens_of(text, engine.codec.tokenizer, special=special) if row["id"] in silent]
    size = len(text.encode()) - len("".join(named).encode())
    return {"tokens": rows, "mean": sum(row["loss"] for row in rows) / len(rows), "bits_per_byte": bits / size if size else None}


def next_of(text: str, engine: Engine, *, special: bool) -> dict[str, Any]:
    """What may follow a text, which may be empty."""
    begun = document_of(text, engine.codec, special=special) == list(engine.codec.start)
    ids = [*engine.codec.start, *([] if begun else fit(text, engine, special=special))]
    return outlook_of(engine.logits(ids)[-1]).as_json(engine.codec.tokenizer)


def attention(text: str, engine: Engine, *, layer: int, special: bool) -> dict[str, Any]:
    """The weights of a layer's heads over a text of at most SEEN tokens, [heads, T, T], to three digits."""
    ids = [*engine.codec.start, *fit(text, engine, special=special)]
    if len(ids) > SEEN:
        raise InputError(f"the text has {len(ids)} tokens, attention is shown of {SEEN}", mend="a shorter text")
    if engine.layers and layer >= engine.layers:
        raise InputError(f"there is no layer {layer}", mend=f"0 to {engine.layers - 1}")
    weights = engine.attention(ids, layer).mul(1000).round().div(1000)
    return {"tokens": [shown(one, engine.codec.tokenizer) for one in ids], "heads": weights.tolist()}


def document_of(text: str, codec: Codec, *, special: bool) -> list[int]:
    """The ids of a text behind what begins a document, which stands there once though the text spell it."""
    ids, start = _ids(text, codec, special=special), list(codec.start)
    return ids if ids[: len(start)] == start else [*start, *ids]


def fit(text: str, engine: Engine, *, special: bool) -> Sequence[int]:
    """The ids of a text, without what begins a document. InputError where there are none, or more than the model reads."""
    start = len(engine.codec.start)
    ids, room = document_of(text, engine.codec, special=special)[start:], engine.context - start
    if not ids:
        raise InputError("there is no text", mend="a word at least")
    if len(ids) > room:
        raise InputError(f"the text has {len(ids)} tokens, the model reads {room}", mend="a shorter text")
    return ids


def believing(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """One to which what spells a special token is that token. For a text that a person wrote for this, never for data."""
    if tokenizer not in _BELIEVING:
        _BELIEVING[tokenizer] = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    return _BELIEVING[tokenizer]


def _ids(text: str, codec: Codec, *, special: bool) -> list[int]:
    return list(believing(codec.tokenizer).encode(text, add_special_tokens=False).ids) if special else ids_of(text, codec)


_BELIEVING = WeakKeyDictionary[tokenizers.Tokenizer, tokenizers.Tokenizer]()
