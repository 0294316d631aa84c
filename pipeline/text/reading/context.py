"""Context, statistics and record type shared by the readers of all formats."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pipeline.core.errors import InputError
from pipeline.text.reading.encoding import UndecodableError, decode_cp1252, is_wide, mostly_utf8
from pipeline.text.reading.metadata import Columns
from pipeline.text.reading.rows import BadRow, open_decompressed
from pipeline.text.reading.sources import POLICY_KEY, ROWS, FileRange, ReadLimits, Source

_HEAD = 1 << 20  # bytes by which UTF-8 is detected in a file whose source states an encoding


class ChunkPlace(NamedTuple):
    """Where a chunk of a long text was read; the chunks of a text are one group."""

    row: int | None  # of the text in the file, from 1; None: the text is the file
    offset: int  # bytes from the start of the unpacked file


# row from 1 (None: the whole file), text, what else is known of it by name: at least Source.columns
Document = tuple[int | ChunkPlace | None, str, Columns]
Record = Document | BadRow


@dataclass(frozen=True)
class ReadContext:
    """What a reader needs besides the file range."""

    source: Source
    limits: ReadLimits
    stated: bool  # whether the file is in the encoding that its source states

    def for_file(self, part: FileRange) -> "ReadContext":
        """The context for a file; the beginning of the file decides whether it is UTF-8, for every range."""
        if self.source.encoding is None or part.file.kind not in ROWS:
            return self
        if is_wide(self.source.encoding):
            raise InputError(
                f"source {self.source.name!r}: {part.file.name} has rows, which can't be read in {self.source.encoding}",
                mend=f"iconv -f {self.source.encoding} -t utf-8 FILE > NEW, or a source of its own for it",
            )
        with open_decompressed(part.file.address) as file:
            head = file.read(_HEAD)
        return replace(self, stated=not mostly_utf8(head[: head.rfind(b"\n") + 1] or head))

    def check_policy(self, reason: str, name: str, row: int | None, detail: str) -> None:
        """Return if the policy is drop, raise InputError if it is fail."""
        key = POLICY_KEY[reason]
        if getattr(self.limits.policy, key) == "fail":
            place = f"{name}:{row}" if row else name
            raise InputError(
                f"source {self.source.name!r}: {place} can't be used: {reason}{detail}", mend=f"correct it, or corpus.policy.{key}=drop"
            )

    @property
    def replaces(self) -> bool:
        """Whether invalid UTF-8 becomes U+FFFD."""
        return self.limits.policy.undecodable == "replace"

    @property
    def cuts(self) -> bool:
        """Whether texts that are too long are cut into chunks."""
        return self.limits.policy.too_long == "cut"

    @property
    def truncates(self) -> bool:
        """Whether texts that are too long are truncated."""
        return self.limits.policy.too_long == "truncate"


@dataclass
class ReadStats:
    """Counts of everything that is neither a document nor quarantined."""

    encodings: Counter[str] = field(default_factory=Counter)  # of whole files, and of rows that are not UTF-8
    mended: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)  # records outside any policy
    separators: Counter[str] = field(default_factory=Counter)  # between documents, by name; they are in no document
    cuts: Counter[str] = field(default_factory=Counter)  # of long texts, by the kind of place
    read_as: Counter[str] = field(default_factory=Counter)  # files whose content is of another format than their name says
    rows_with_column: int = 0  # rows of this range that have the column
    columns: set[str] = field(default_factory=set)  # of rows that lack it


Reader = Callable[[FileRange, ReadContext, ReadStats], Iterator[Record]]


def text_fault(value: Any) -> str | None:
    """Why a value is no document text, or None."""
    if isinstance(value, str):
        return "empty_text" if not value or value.isspace() else None
    return "null_text" if value is None else "wrong_type"


def decode_row(raw: bytes, context: ReadContext, stats: ReadStats) -> str | None:
    """Decode a row; None if it is neither in the stated encoding nor UTF-8 and the policy does not replace.

    Only the row decides, so that a file may be split anywhere: it is UTF-8, or broken UTF-8 (invalid bytes become U+FFFD); else in the
    encoding that the source states, or in cp1252. If the beginning of the file is in the stated encoding, all rows are.
    """
    if not context.stated:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            if mostly_utf8(raw):
                return decode_utf8(raw, context, stats)
    if raw.isascii():
        return raw.decode()
    name = context.source.encoding
    if name is None and not context.replaces:
        return None
    try:
        text, name = decode_cp1252(raw) if name is None else (raw.decode(name), name.lower())
    except UnicodeDecodeError:
        return _replaced(raw, str(name), context, stats)
    stats.encodings[name] += 1
    return text


def decode_utf8(raw: bytes, context: ReadContext, stats: ReadStats) -> str | None:
    """Decode UTF-8; invalid bytes become U+FFFD or the result None, by the policy."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _replaced(raw, "utf-8", context, stats)


def decode_file(raw: bytes, decoded: Callable[[bytes], tuple[str, str]], context: ReadContext, stats: ReadStats) -> str:
    """Decode a whole file or page; invalid bytes become U+FFFD or raise UndecodableError, by the policy."""
    try:
        text, encoding = decoded(raw)
    except UndecodableError as fault:
        if str(fault) != "undecodable" or not context.replaces:
            raise
        stats.mended["undecodable"] += 1
        text, encoding = fault.replaced, "undecodable"
    stats.encodings[encoding] += 1
    return text


def _replaced(raw: bytes, name: str, context: ReadContext, stats: ReadStats) -> str | None:
    if not context.replaces:
        return None
    stats.mended["undecodable"] += 1
    return raw.decode(name, "replace")
