"""Each source of the text on its way from the files to the training rows."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.report.blocks import Block, Table
from pipeline.report.figures import fixed, number, share, size
from pipeline.report.headlines import found

_COLUMNS = (  # head; stage, key below the source, how it is written
    ("documents", "corpus", "sources", "documents", number),
    ("bytes", "corpus", "sources", "bytes", size),
    ("dropped by rules", "select", "sources", "dropped", lambda reasons: number(sum(reasons.values()))),
    ("removed as copies", "dedup", "sources", "removed", number),
    ("train documents", "split", "mixture.sources", "documents", number),
    ("train bytes", "split", "mixture.sources", "bytes", size),
    ("share of training", "split", "mixture.sources", "share", share),
    ("bytes a token", "tokenizer", "val.sources", "bytes_per_token", fixed),
    ("fertility", "tokenizer", "val.sources", "fertility", fixed),
)


def source_blocks(metrics: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Block]:
    """A row a source: what came in, what was left out, what was trained on, and how the vocabulary fits it on held-out text."""
    by_column = [(head, found(metrics.get(stage) or {}, at) or {}, key, form) for head, stage, at, key, form in _COLUMNS]
    names = list(dict.fromkeys(name for _, sources, _, _ in by_column for name in sources))
    known = [one for one in by_column if any(one[2] in source for source in one[1].values())]
    rows = [
        (name, *("–" if (value := (sources.get(name) or {}).get(key)) is None else form(value) for _, sources, key, form in known))
        for name in names
    ]
    if rows:
        note = "The last two columns are of held-out text. Weights repeat a source or leave a part of it out."
        yield Table("By source", ("", *(head for head, *_ in known)), rows, note)
