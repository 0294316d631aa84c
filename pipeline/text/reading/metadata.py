"""What a source states of its documents beside their text: address, date, author, license."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.metadata import METADATA, SEVERAL, carried
from pipeline.text.reading.encoding import replace_surrogates

Columns = Mapping[str, Any]  # of a row, beside its text: values by name
NO_COLUMNS: Columns = {}
_LONGEST = 4096  # characters: what is longer is no address and no name
_YEAR_OR_MONTH = re.compile(r"(\d{4})(?:-(\d{2}))?")


@dataclass(frozen=True, kw_only=True)
class MetadataColumns:
    """The column of a source that holds each of METADATA; None: it is not carried."""

    url: str | None
    date: str | None
    author: str | None
    license: str | None

    @property
    def named(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        return {field.name: column for field in fields(self) if (column := getattr(self, field.name)) is not None}


def looked_up(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column; `meta.url` is one of that name, else what lies in the column `meta` under `url`. None if there is none."""
    if name in row:
        return row[name]
    head, _, rest = name.partition(".")
    inner = row.get(head) if rest else None
    return looked_up(inner, rest) if isinstance(inner, Mapping) else None


class MetadataReader:
    """Reads the values of each document of a source; counts those that are none of their kind, which become null."""

    def __init__(self, columns: MetadataColumns, license: str | None, names: Sequence[str]) -> None:
        self.names = names  # that the corpus carries, whether this source names them or not
        self.unusable: Counter[str] = Counter()
        self._columns, self._license = columns.named, license

    def values(self, columns: Columns) -> tuple[Any, ...]:
        """A value, or None, for each of the names."""
        return tuple(self._value(name, columns) for name in self.names)

    def _value(self, name: str, columns: Columns) -> Any:
        try:
            found = metadata_value(name, columns.get(self._columns[name])) if name in self._columns else None
        except ValueError:
            self.unusable[name] += 1
            found = None
        return self._license if found is None and name == "license" else found


def metadata_value(name: str, found: Any) -> str | date | None:
    """A value of METADATA; None for one that says nothing. Several authors or licenses are joined by SEVERAL.

    A date is one of ISO 8601 (of a year or a month its first day; what follows the day is left out), or a year as a number.
    Raises ValueError for everything else.
    """
    if name == "date":
        return _date(found)
    if isinstance(found, list) and name != "url":
        return SEVERAL.join(text for one in found if (text := _text(one))) or None
    return _text(found)


def metadata_counts(documents: pa.Table) -> dict[str, dict[str, int]]:
    """For each of METADATA that the documents carry, how many know it and how many do not."""
    missing = {name: documents[name].null_count for name in carried(documents.column_names)}
    return {name: {"known": documents.num_rows - count, "missing": count} for name, count in missing.items()}


def metadata_arrays(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[pa.Array]:
    """The values of MetadataReader as columns."""
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return [pa.array(column, METADATA.field(name).type) for name, column in zip(names, columns, strict=True)]


def _text(found: Any) -> str | None:
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > _LONGEST:
        raise ValueError("no text, or too long")
    return " ".join(replace_surrogates(found).split()) or None


def _date(found: Any) -> date | None:
    if isinstance(found, date):
        return found.date() if isinstance(found, datetime) else found
    text = _text(str(found) if isinstance(found, int) and not isinstance(found, bool) else found)
    if text is None:
        return None
    short = _YEAR_OR_MONTH.fullmatch(text)
    return date(int(short[1]), int(short[2] or 1), 1) if short else datetime.fromisoformat(text).date()
