"""What is read, and how strictly: sources, policies, and the pieces of work that they come to.

A source is a folder, a file or a glob under corpus.path, an address that fsspec knows, or a data set of the hub.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.core.errors import InputError
from pipeline.text.reading.encoding import holds_ascii

HUB = "hub:"
Format = Literal["auto", "txt", "md", "html", "jsonl", "json", "csv", "parquet", "epub", "warc"]
_MOST = 1 << 30  # a column of a shard holds less than 2 GiB in Arrow
_COMMIT = re.compile(r"[0-9a-f]{40}")

# the key of corpus.policy that decides about a reason of the quarantine
POLICY_OF = {
    "invalid_utf8": "undecodable",
    "undecodable": "undecodable",
    "binary": "binary",
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
    """What is done about each kind of fault; meanings stand in conf/corpus/world.yaml."""

    undecodable: Literal["replace", "drop", "fail"]
    too_long: Literal["drop", "truncate", "fail"]
    binary: Literal["drop", "fail"]
    wrong_type: Literal["drop", "fail"]
    missing_text: Literal["drop", "fail"]
    malformed: Literal["drop", "fail"]
    damaged: Literal["drop", "fail"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of corpus.sources, with what corpus.common says where the entry is silent."""

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

    @property
    def group_column(self) -> str | None:
        """The column that names a row's group, if a column does."""
        return None if self.group == "folder" else self.group


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much is held at a time, and how much may be wrong."""

    shard: int  # bytes
    longest: int  # bytes of a document, or of the row that holds it
    max_bad_fraction: float
    policy: Policy


@dataclass(frozen=True)
class File:
    """A file of a source."""

    address: str  # how it is opened
    name: str  # relative to the source's path
    size: int  # bytes as stored
    kind: str  # a Format but auto, or hub


@dataclass(frozen=True)
class Part:
    """A whole file, or the rows of it whose preceding newline (in Parquet: whose row group's first byte) lies in [start, end)."""

    file: File
    start: int
    end: int | None  # None: to the end of the file
    line: int  # newlines before start

    @property
    def whole(self) -> bool:
        """Whether this is the entire file."""
        return self.start == 0 and self.end is None

    @property
    def size(self) -> int:
        """Bytes as stored."""
        return (self.file.size if self.end is None else self.end) - self.start


@dataclass(frozen=True)
class Item:
    """Parts of one source that one worker reads."""

    source: Source
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes as stored."""
        return sum(part.size for part in self.parts)


def check_sources(sources: Sequence[Source], bounds: Bounds) -> None:
    """Raise one InputError that names every setting that can't be."""
    names = [source.name for source in sources]
    faults = [
        *(f"corpus.sources: the name {name!r} stands twice" for name in sorted({name for name in names if names.count(name) > 1})),
        *(
            f"corpus.{key}={value}: 1..{_MOST} bytes are possible"
            for key, value in (("shard", bounds.shard), ("longest", bounds.longest))
            if not 0 < value <= _MOST
        ),
        *(f"source {source.name!r}: {fault}" for source in sources for fault in _faults(source)),
    ]
    if not 0 <= bounds.max_bad_fraction <= 1:  # NaN neither
        faults.append(f"corpus.max_bad_fraction={bounds.max_bad_fraction} is not within 0..1")
    if not sources:
        faults.append("corpus.sources is empty")
    if faults:
        raise InputError("the sources can't be read:\n  " + "\n  ".join(faults), mend="correct what is named, in conf/corpus")


def _faults(source: Source) -> list[str]:
    hub, remote = source.path.startswith(HUB), "://" in source.path
    local = Path(source.path)
    checks = (
        (not source.name or "/" in source.name, "a name is needed that has no slash"),
        (not 0 <= source.weight < math.inf, f"weight={source.weight} is below 0 or no number"),
        (source.cap_bytes is not None and source.cap_bytes <= 0, f"cap_bytes={source.cap_bytes} is not above 0"),
        (hub and not _COMMIT.fullmatch(source.revision or ""), "revision must be the 40 hex digits of a commit: else the data may change"),
        (not hub and source.revision is not None, "revision is of use for hub: only"),
        (not hub and source.subset is not None, "subset is of use for hub: only"),
        (hub and source.format != "auto", "format=auto is needed for hub:"),
        (hub and source.group == "folder", "group=folder needs folders, a hub data set has none"),
        (
            not hub and not remote and (local.is_absolute() or ".." in local.parts),
            "path must lie under corpus.path, or be an address with ://",
        ),
        ("::" in source.path, "an address with :: is not read"),
        (
            source.encoding is not None and not holds_ascii(source.encoding, shifts=False),
            f"encoding={source.encoding} is none that Python knows and that holds ASCII: null, or such as cp1251, koi8-r, gb18030, cp932",
        ),
        (hub and source.encoding is not None, "encoding=null is needed for hub:"),
        (
            source.delimiter is not None and (len(source.delimiter) != 1 or source.delimiter in '"\r\n'),
            f"delimiter={source.delimiter!r} is not one character other than a quote or a newline; null: told by the header",
        ),
    )
    return [told for wrong, told in checks if wrong]
