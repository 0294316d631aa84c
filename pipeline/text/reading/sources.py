"""Sources, limits and policies of reading, and the tasks they are split into.

A source is a folder, a file or a glob under corpus.path, an fsspec address, or a data set of the Hugging Face hub.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from pipeline.core.bounds import Fraction
from pipeline.core.errors import InputError
from pipeline.text.reading.encoding import is_ascii_superset, is_wide
from pipeline.text.reading.marks import AUTO, Separator
from pipeline.text.reading.metadata import MetadataColumns

HUB = "hub:"
Format = Literal["auto", "txt", "md", "html", "jsonl", "json", "csv", "parquet", "epub", "warc"]
ROWS = ("jsonl", "json", "csv")  # formats whose rows are decoded one by one
_MAX_BYTES = 1 << 30  # a column of a shard holds less than 2 GiB in Arrow
_MAX_SEPARATOR = 128  # characters
_COMMIT = re.compile(r"[0-9a-f]{40}")

# the key of corpus.policy for each quarantine reason
POLICY_KEY = {
    "invalid_utf8": "undecodable",
    "undecodable": "undecodable",
    "binary": "binary",
    "another_format": "binary",
    "line_too_long": "too_long",
    "file_too_long": "too_long",
    "text_too_long": "too_long",
    "wrong_type": "wrong_type",
    "missing_column": "missing_text",
    "null_text": "missing_text",
    "empty_text": "missing_text",
    "empty_file": "missing_text",
    "malformed_json": "malformed",
    "malformed_csv": "malformed",
    "not_an_object": "malformed",
    "damaged": "damaged",
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is done about each kind of fault; documented in conf/corpus/world.yaml."""

    undecodable: Literal["replace", "drop", "fail"]
    too_long: Literal["cut", "drop", "truncate", "fail"]
    binary: Literal["drop", "fail"]
    wrong_type: Literal["drop", "fail"]
    missing_text: Literal["drop", "fail"]
    other_columns: Literal["skip", "fail"]
    malformed: Literal["drop", "fail"]
    damaged: Literal["drop", "fail"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of corpus.sources, with corpus.source_defaults filled in."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    path: str
    format: Format
    column: str
    group: str | None
    weight: float
    cap_bytes: int | None
    tags: tuple[str, ...]
    synthetic: bool
    language: str | None
    revision: str | None
    split: str
    subset: str | None
    encoding: str | None
    delimiter: str | None
    separator: str | None
    metadata: MetadataColumns
    license: str | None

    @property
    def group_column(self) -> str | None:
        """The column that names a row's group, if any."""
        return None if self.group == "folder" else self.group

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read beside the text."""
        return tuple(dict.fromkeys([*([self.group_column] if self.group_column else []), *self.metadata.named.values()]))

    @property
    def carries(self) -> set[str]:
        """What of METADATA it may know of a document."""
        return {*self.metadata.named, *(["license"] if self.license is not None else [])}


@dataclass(frozen=True, kw_only=True)
class ReadLimits:
    """How much is held at a time, and how much may be bad."""

    shard_bytes: Annotated[int, Field(ge=1, le=_MAX_BYTES)]
    max_document_bytes: Annotated[int, Field(ge=1, le=_MAX_BYTES)]  # also of the row that holds the document
    max_chunk_bytes: PositiveInt  # of a longer text, as stored; in UTF-8 up to three times as many
    max_bad_fraction: Fraction
    policy: Policy

    def __post_init__(self) -> None:
        if self.max_chunk_bytes > self.max_document_bytes // 3:
            raise ValueError(f"max_chunk_bytes {self.max_chunk_bytes} is above a third of max_document_bytes {self.max_document_bytes}")


@dataclass(frozen=True)
class File:
    """A file of a source."""

    address: str  # how it is opened
    name: str  # relative to the source's path
    size: int  # bytes as stored
    kind: str  # a Format other than auto, or hub


@dataclass(frozen=True)
class FileRange:
    """A whole file, or its rows whose preceding newline or separator (in Parquet: the first byte of their row group) lies within."""

    file: File
    start: int
    end: int | None  # None: to the end of the file
    line: int  # newlines, or separators, before start
    separator: Separator | None = None  # of a text file that is read in ranges
    chunked: bool = False  # a long text without separators: the chunks whose steps begin within

    @property
    def whole(self) -> bool:
        """Whether this is the entire file."""
        return self.start == 0 and self.end is None

    @property
    def size(self) -> int:
        """Bytes as stored."""
        return (self.file.size if self.end is None else self.end) - self.start


@dataclass(frozen=True)
class ReadTask:
    """File ranges of one source that one worker reads."""

    source: Source
    parts: tuple[FileRange, ...]

    @property
    def size(self) -> int:
        """Bytes as stored."""
        return sum(part.size for part in self.parts)


def with_defaults(stated: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a source: what it states, also of its metadata, and the defaults for what it does not."""
    return {**defaults, **stated, "metadata": {**defaults["metadata"], **(stated.get("metadata") or {})}}


def sources_of(stated: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any]) -> list[Source]:
    """The sources of the section corpus. InputError that names every key that can't be used."""
    found, faults = [], []
    for number, one in enumerate(stated):
        try:
            found.append(TypeAdapter(Source).validate_json(json.dumps(with_defaults(one, defaults))))
        except ValidationError as fault:
            for wrong in fault.errors():
                key = ".".join(map(str, (f"corpus.sources.{number}", *wrong["loc"])))
                faults.append(f"{key}: {wrong['msg']} (found {wrong['input']!r:.80})")
    if faults:
        raise _unusable(faults)
    return found


def check_sources(sources: Sequence[Source]) -> None:
    """Raise one InputError that names every invalid setting."""
    names = [source.name for source in sources]
    faults = [
        *(f"corpus.sources: the name {name!r} occurs twice" for name in sorted({name for name in names if names.count(name) > 1})),
        *(f"source {source.name!r}: {fault}" for source in sources for fault in _faults(source)),
    ]
    if not sources:
        faults.append("corpus.sources is empty")
    if faults:
        raise _unusable(faults)


def _unusable(faults: Sequence[str]) -> InputError:
    return InputError("\n  ".join(["the sources can't be read:", *faults]), mend="correct what is named, in conf/corpus")


def _faults(source: Source) -> list[str]:
    hub, remote = source.path.startswith(HUB), "://" in source.path
    local = Path(source.path)
    checks = (
        (not source.name or "/" in source.name, "a name without a slash is needed"),
        (not 0 <= source.weight < math.inf, f"weight={source.weight} is negative or not a number"),
        (source.cap_bytes is not None and source.cap_bytes <= 0, f"cap_bytes={source.cap_bytes} is not above 0"),
        (hub and not _COMMIT.fullmatch(source.revision or ""), "revision must be the 40 hex digits of a commit, else the data may change"),
        (not hub and source.revision is not None, "revision is only for hub:"),
        (not hub and source.subset is not None, "subset is only for hub:"),
        (hub and source.format != "auto", "hub: needs format=auto"),
        (hub and source.group == "folder", "a hub data set has no folders for group=folder"),
        (
            not hub and not remote and (local.is_absolute() or ".." in local.parts),
            "path must lie under corpus.path, or be an address with ://",
        ),
        ("::" in source.path, "addresses with :: are not supported"),
        (
            source.encoding is not None and not is_wide(source.encoding) and not is_ascii_superset(source.encoding, shift_sequences=False),
            f"encoding={source.encoding} is unknown to Python or no superset of ASCII; null, or e.g. cp1251, koi8-r, gb18030, utf-16-le",
        ),
        (
            source.encoding is not None and is_wide(source.encoding) and source.format in ROWS,
            f"encoding={source.encoding} is read in .txt, .md and .html alone; for rows: iconv -f {source.encoding} -t utf-8 FILE > NEW",
        ),
        (hub and source.encoding is not None, "hub: needs encoding=null"),
        (
            source.delimiter is not None and (len(source.delimiter) != 1 or source.delimiter in '"\r\n'),
            f"delimiter={source.delimiter!r} is not one character other than a quote or a newline; null: detected from the header",
        ),
        (
            source.separator not in (None, AUTO) and (hub or source.format not in ("auto", "txt", "md")),
            f"separator={source.separator!r} parts the documents of text files, not the rows of other formats; null or {AUTO}",
        ),
        (source.license is not None and not source.license.strip(), "license is empty; an SPDX identifier, or null"),
        (
            any(not column.strip() for column in source.metadata.named.values()),
            "a column of metadata has no name; null: it is not carried",
        ),
        (
            source.separator is not None and not 0 < len(source.separator.strip(" ")) <= _MAX_SEPARATOR,
            f"separator={source.separator!r} is empty, spaces alone or longer than {_MAX_SEPARATOR} characters; {AUTO}, null or a text",
        ),
    )
    return [fault for wrong, fault in checks if wrong]
