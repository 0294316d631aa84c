"""How the tokenizer cuts text: its figures by part, and a piece of held-out text in tokens."""

from collections.abc import Iterator, Mapping
from typing import Any

import tokenizers
from markupsafe import Markup

from pipeline.core.artifact.split import PARTS, Split
from pipeline.report.blocks import Absent, Block, Quote, Quotes, Table, excerpt
from pipeline.report.figures import fixed, large, number
from pipeline.report.svg import element

_FIGURES = {"bytes_per_token": "bytes a token", "fertility": "fertility", "unknown": "unknown", "round_trip": "round trip"}
_SHOWN = 120  # tokens of held-out text


def tokenizer_blocks(metrics: Mapping[str, Any] | None, codec: tokenizers.Tokenizer | None, split: Split, most: int) -> Iterator[Block]:
    """Figures of the held-out parts, the longest tokens, and the beginning of a held-out document, `most` characters at most."""
    if metrics is None:
        yield Absent("Tokenizer", "not run")
        return
    parts = {part: metrics[part] for part in PARTS if isinstance(metrics.get(part), Mapping)}
    rows = [
        (part, number(own.get("documents")), large(own.get("tokens")), *(fixed(own.get(key)) for key in _FIGURES))
        for part, own in parts.items()
    ]
    if rows:
        told = f"A vocabulary of {number(metrics.get('vocabulary'))}"
        unused = metrics.get("unused")
        note = f"{told}, {number(unused)} of them seldom or never used in training." if unused is not None else f"{told}."
        yield Table("How the vocabulary fits", ("", "documents", "tokens", *_FIGURES.values()), rows, note)
    if longest := metrics.get("longest"):
        shown = Markup(" ").join(element("code", excerpt(str(token), 60)) for token in longest)
        yield Quotes("Its longest tokens", [Quote("", shown)])
    if codec is not None and (text := _held_out(split)):
        yield Quotes("Held-out text in tokens", [Quote("point at a token, or tap it, for its number", pieces(text[:most], codec))])


def pieces(text: str, codec: tokenizers.Tokenizer) -> Markup:
    """The text with each token apart; tokens that are parts of one character stand together."""
    encoded = codec.encode(text, add_special_tokens=False)
    spans: list[tuple[int, int, list[int]]] = []
    for token, (start, end) in list(zip(encoded.ids, encoded.offsets, strict=True))[:_SHOWN]:
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), [*spans[-1][2], token])
        elif end > start:
            spans.append((start, end, [token]))
    parts = [element("span", excerpt(text[start:end], end - start), title=" ".join(map(str, ids))) for start, end, ids in spans]
    return element("span", *parts, class_="pieces")


def _held_out(split: Split) -> str:
    """The first held-out document."""
    return next((text for texts in split.texts("val") for text in texts), "")
