"""What a model makes of a text of one's own: its tokens, the loss at each, what may come next, and what looks at what."""

import math
from collections.abc import Sequence
from typing import Any

import tokenizers

from pipeline.core.errors import InputError
from pipeline.serve.engines import Engine
from pipeline.serve.outlook import outlook_of, shown
from pipeline.tokens.codec import ids_of

SEEN = 96  # tokens whose attention is shown: the picture has the square of it


def tokens_of(text: str, tokenizer: tokenizers.Tokenizer) -> list[dict[str, Any]]:
    """Each token of a text: id, text, and its place in the text as characters."""
    found = tokenizer.encode(text, add_special_tokens=False)
    return [
        {"id": token, "text": shown(token, tokenizer), "start": start, "end": end}
        for token, (start, end) in zip(found.ids, found.offsets, strict=True)
    ]


def losses(text: str, engine: Engine) -> dict[str, Any]:
    """-log p of each token of a text in nats, with what else was likely; the mean, and bits a byte. The first follows the token that begins
    a document."""
    ids, start = fit(text, engine), list(engine.codec.start)
    logits = engine.logits([*start, *ids])[len(start) - 1 :]
    rows = list[dict[str, Any]]()
    for token, before in zip(ids, logits, strict=False):
        chances = before.double().log_softmax(-1)
        own = float(chances[token])
        rank = 1 + int(chances.gt(own).sum())
        outlook = outlook_of(before).as_json(engine.codec.tokenizer)
        rows.append({"id": token, "text": shown(token, engine.codec.tokenizer), "loss": -own, "rank": rank, "outlook": outlook})
    total = sum(row["loss"] for row in rows)
    return {"tokens": rows, "mean": total / len(rows), "bits_per_byte": total / math.log(2) / len(text.encode())}


def next_of(text: str, engine: Engine) -> dict[str, Any]:
    """What may follow a text, which may be empty."""
    ids = [*engine.codec.start, *(fit(text, engine) if text else [])]
    return outlook_of(engine.logits(ids)[-1]).as_json(engine.codec.tokenizer)


def attention(text: str, engine: Engine, *, layer: int) -> dict[str, Any]:
    """The weights of a layer's heads over a text of at most SEEN tokens, [heads, T, T], to three digits."""
    ids = [*engine.codec.start, *fit(text, engine)]
    if len(ids) > SEEN:
        raise InputError(f"the text has {len(ids)} tokens, attention is shown of {SEEN}", mend="a shorter text")
    if engine.layers and layer >= engine.layers:
        raise InputError(f"there is no layer {layer}", mend=f"0 to {engine.layers - 1}")
    weights = engine.attention(ids, layer).mul(1000).round().div(1000)
    return {"tokens": [shown(one, engine.codec.tokenizer) for one in ids], "heads": weights.tolist()}


def fit(text: str, engine: Engine) -> Sequence[int]:
    """The ids of a text. InputError where there are none, or more than the model reads."""
    ids, room = ids_of(text, engine.codec), engine.context - len(engine.codec.start)
    if not ids:
        raise InputError("there is no text", mend="a word at least")
    if len(ids) > room:
        raise InputError(f"the text has {len(ids)} tokens, the model reads {room}", mend="a shorter text")
    return ids
