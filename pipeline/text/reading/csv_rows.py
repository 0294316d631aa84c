"""Rows of .csv and .tsv files with a header row."""

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import tee
from pathlib import Path

from pipeline.text.reading.context import ReadContext, ReadStats, Record, decode_row, text_fault
from pipeline.text.reading.lines import Line, lines
from pipeline.text.reading.rows import COMPRESSED, BadRow, bad_file, open_decompressed
from pipeline.text.reading.sources import FileRange

_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16
_MARK = b"\xef\xbb\xbf"


class _RowError(Exception):
    """A line of a row is unusable; the message is the reason."""


class _Feed:
    """Feeds lines to csv.reader, which takes as many as a row has; remembers where the row began."""

    def __init__(self, found: Iterator[Line], context: ReadContext, stats: ReadStats) -> None:
        self._found, self._job, self._notes = found, context, stats
        self._again: deque[tuple[Line, str | None]] = deque()
        self.row: list[tuple[Line, str | None]] = []  # the row's lines so far, with their texts

    def begin(self) -> None:
        """The next line starts a row."""
        self.row = []

    def end_at_first(self) -> None:
        """The row was only its first line; the others are fed again."""
        self._again.extendleft(reversed(self.row[1:]))
        del self.row[1:]

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line, text = self._again.popleft() if self._again else self._read()
        self.row.append((line, text))
        if text is None:
            raise _RowError("invalid_utf8" if line[3] is None else "line_too_long")
        return text

    def _read(self) -> tuple[Line, str | None]:
        line = next(self._found)
        _, offset, raw, digest = line
        return line, None if digest else decode_row(raw.removeprefix(_MARK) if offset == 0 else raw, self._job, self._notes)


def read_csv(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per row. Columns and delimiter come from the file's first row, wherever the range begins.

    A row with more or fewer fields, or with a misplaced quote, is malformed; of an unclosed quote only the first line is malformed, the
    following lines are rows again. If the first row is unreadable, the file is damaged.
    """
    name, max_document_bytes = part.file.name, context.limits.max_document_bytes
    with open_decompressed(part.file.address) as file:
        head = next(lines(file, max_document_bytes, start=0, end=None, line=0), None)
    if head is None:
        return
    if head[2].startswith(_WIDE):
        yield bad_file(name, "undecodable", head[2])
        return
    csv.field_size_limit(max_document_bytes)
    try:
        delimiter, columns = _header(part, context)
    except (csv.Error, _RowError):
        if part.start == 0:
            yield bad_file(name, "damaged", head[2])
        return
    with open_decompressed(part.file.address) as file:
        feed = _Feed(lines(file, max_document_bytes, start=part.start, end=part.end, line=part.line, blanks=True), context, stats)
        if part.start == 0:
            _columns(feed, delimiter)
        yield from _documents(feed, columns, delimiter, name, context, stats)


def count_odd_quote_lines(part: FileRange, max_document_bytes: int) -> int:
    """The number of lines with an odd number of quotes: then a row may span several lines."""
    with open_decompressed(part.file.address) as file:
        found = lines(file, max_document_bytes, start=part.start, end=part.end, line=part.line)
        return sum(1 for _, _, raw, digest in found if digest is not None or raw.count(b'"') & 1)


def _header(part: FileRange, context: ReadContext) -> tuple[str, list[str]]:
    """Detect the delimiter: the first of comma, semicolon, tab that yields the text column in the first row, else most columns.

    Returns it with the columns. Raises csv.Error if the first row can't be parsed with any, _RowError if it is not text.
    """
    plain = Path(part.file.name).with_suffix("") if Path(part.file.name).suffix.lower() in COMPRESSED else Path(part.file.name)
    stated = context.source.delimiter or ("\t" if plain.suffix.lower() == ".tsv" else "")
    signs = stated or ",;\t"
    found: dict[str, list[str]] = {}
    faults = []
    with open_decompressed(part.file.address) as file:
        read = lines(file, context.limits.max_document_bytes, start=0, end=None, line=0, blanks=True)
        feed = _Feed(read, context, ReadStats())  # not counted
        for sign, above in zip(signs, tee(feed, len(signs)), strict=True):
            try:
                columns = _columns(above, sign)
            except csv.Error as fault:
                faults.append(fault)
                continue
            if sign == signs[0] or len(columns) > 1:
                found[sign] = columns
    if not found:
        raise faults[0]
    sign = next((sign for sign in found if context.source.column in found[sign]), max(found, key=lambda sign: len(found[sign])))
    return sign, found[sign]


def _columns(first: Iterator[str], delimiter: str) -> list[str]:
    """The first non-empty row."""
    return next((row for row in _rows(first, delimiter) if any(map(str.strip, row))), [])


def _rows(feed: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(feed, delimiter=delimiter, strict=True)


def _documents(feed: _Feed, columns: list[str], delimiter: str, name: str, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    column = context.source.column
    if column not in columns:
        stats.columns.update(columns)
    place = columns.index(column) if column in columns else None
    others = {name: columns.index(name) for name in context.source.columns if name in columns}
    reader = _rows(feed, delimiter)
    while True:
        feed.begin()
        reason: str | None = None
        row: list[str] = []
        try:
            row = next(reader)
            if not row or (len(row) == 1 < len(columns) and not row[0].strip()):
                continue
            reason = "malformed_csv" if len(row) != len(columns) else None
        except StopIteration:
            return
        except csv.Error as fault:
            reason = "line_too_long" if "field limit" in str(fault) else "malformed_csv"
            feed.end_at_first()
        except _RowError as fault:
            reason = str(fault)
            feed.end_at_first()
        line, offset, _, _ = feed.row[0][0]
        if reason is None and place is None:
            reason = "missing_column"
        if reason is None and place is not None:
            stats.rows_with_column += 1
            reason = text_fault(row[place])
            if reason is None:
                yield line, row[place], {name: row[other] for name, other in others.items()}
                continue
        digest = hashlib.sha256(b"".join(held[2] for held, _ in feed.row).rstrip(b"\r\n")).hexdigest()
        yield BadRow(file=name, line=line, offset=offset, reason=str(reason), sha256=digest)
