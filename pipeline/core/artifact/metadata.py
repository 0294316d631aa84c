"""What is known of a document beside its text. A corpus carries those columns that a source names, and no others."""

from collections.abc import Container, Mapping
from typing import Any, Literal

import pyarrow as pa

MetadataField = Literal["url", "date", "author", "license"]
METADATA = pa.schema(
    [
        pa.field("url", pa.string()),
        pa.field("date", pa.date32()),  # of a year or a month its first day
        pa.field("author", pa.string()),  # several are joined by SEVERAL
        pa.field("license", pa.string()),  # as the source writes it, at best an SPDX identifier; several are joined by SEVERAL
    ]
)
SEVERAL = "; "
UNKNOWN, OTHERS = "unknown", "others"  # where documents are counted by license: it is not stated; not among the _NAMED
_NAMED = 50


def with_metadata(schema: pa.Schema, names: Container[str]) -> pa.Schema:
    """The schema, and after it the columns of METADATA that are among the names."""
    return pa.schema([*schema, *(field for field in METADATA if field.name in names)])


def carried(names: Container[str]) -> list[str]:
    """The names of METADATA that are among these, in its order."""
    return [name for name in METADATA.names if name in names]


def leading(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Counts by license: those with the most bytes by name, the sum of the rest as OTHERS, since a source may give each its own."""
    ordered = sorted(counts, key=lambda name: (-counts[name]["bytes"], name))
    named = {name: dict(counts[name]) for name in sorted(ordered[:_NAMED])}
    for name in ordered[_NAMED:]:
        others = named.setdefault(OTHERS, dict.fromkeys(counts[name], 0))
        others.update((kind, others[kind] + count) for kind, count in counts[name].items())
    return named


def values_of(row: Mapping[str, Any]) -> dict[str, str]:
    """What a row says in the columns of METADATA, in words; what it does not know is left out."""
    return {name: str(row[name]) for name in METADATA.names if row.get(name) is not None}
