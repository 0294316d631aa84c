"""What models that were trained on with one source have gained there and forgotten elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.blocks import Block, Table
from pipeline.report.figures import fixed, number

_NOTE = (
    "In brackets: 95 % intervals over books, or over dialogues; that of a change compares the same documents before and after. "
    "Below 0 is a gain, above 0 is forgetting."
)


def specialized_blocks(methods: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """Held-out text and dialogues before and after, of the entries that tell it; nothing where there are none."""
    known = {name: metrics for name, metrics in methods.items() if metrics and "specialized" in metrics}
    text = [(name, label, *_cells(found)) for name, metrics in known.items() for label, found in _texts(metrics).items() if found]
    if text:
        heads = ("", "text", *(f"{head}, bits a byte" for head in ("before", "after", "change")), "documents")
        yield Table("Trained on with one source: held-out text", heads, text, _NOTE)
    dialogues = [(name, *_cells(metrics["dialogues"])) for name, metrics in known.items() if metrics["dialogues"]]
    if dialogues:
        heads = ("", *(f"{head}, nats a token" for head in ("before", "after", "change")), "instructions")
        yield Table("Trained on with one source: held-out dialogues", heads, dialogues, _NOTE)


def _texts(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    """What was learned, all else, and each source where the two are not all that there is."""
    several = len(metrics["sources"]) > 2
    return {"what was learned": metrics["specialized"], "elsewhere": metrics["elsewhere"], **(metrics["sources"] if several else {})}


def _cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (*(_told(found, column) for column in ("before", "after", "change")), number(found["n"]))


def _told(found: Mapping[str, Any], column: str) -> str:
    bounds = f" ({fixed(found[f'{column}_low'])} – {fixed(found[f'{column}_high'])})" if f"{column}_low" in found else ""
    return f"{fixed(found[column])}{bounds}"
