"""Rows of .csv and .tsv files, the first of which names the columns."""

import csv
import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import tee
from pathlib import Path

from pipeline.text.reading.found import Found, Job, Notes, fault_of, text_of
from pipeline.text.reading.lines import Line, lines
from pipeline.text.reading.rows import PACKED, Bad, unpacked, whole_file_bad
from pipeline.text.reading.sources import Part

_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16
_MARK = b"\xef\xbb\xbf"


class _RowError(Exception):
    """A line of a row can't be used; the message is the reason."""


class _Feed:
    """Lines as text for csv.reader, which takes as many as a row has; remembers where the row began."""

    def __init__(self, found: Iterator[Line], job: Job, notes: Notes) -> None:
        self._found, self._job, self._notes = found, job, notes
        self._again: deque[tuple[Line, str | None]] = deque()
        self.row: list[tuple[Line, str | None]] = []  # the row's lines so far, with their texts

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.row = []

    def end_at_first(self) -> None:
        """The row was its first line alone; the others come again."""
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
        return line, None if digest else text_of(raw.removeprefix(_MARK) if offset == 0 else raw, self._job, self._notes)


def read_csv(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a row. The columns, and what stands between them, are those of the file's first row, wherever the part begins.

    A row with more or fewer fields than that, or with a quote that does not fit, is malformed; of a quote that is never closed
    the first line alone, and the lines after it are rows again. Without a first row that can be read the file is damaged.
    """
    name, longest = part.file.name, job.bounds.longest
    with unpacked(part.file.address) as file:
        head = next(lines(file, longest, start=0, end=None, line=0), None)
    if head is None:
        return
    if head[2].startswith(_WIDE):
        yield whole_file_bad(name, "undecodable", head[2])
        return
    csv.field_size_limit(longest)
    try:
        delimiter, columns = _header(part, job)
    except (csv.Error, _RowError):
        if part.start == 0:
            yield whole_file_bad(name, "damaged", head[2])
        return
    with unpacked(part.file.address) as file:
        feed = _Feed(lines(file, longest, start=part.start, end=part.end, line=part.line, blanks=True), job, notes)
        if part.start == 0:
            _columns(feed, delimiter)
        yield from _documents(feed, columns, delimiter, name, job, notes)


def odd_lines(part: Part, longest: int) -> int:
    """Lines that hold an odd number of quotes: then a row may go over several lines."""
    with unpacked(part.file.address) as file:
        found = lines(file, longest, start=part.start, end=part.end, line=part.line)
        return sum(1 for _, _, raw, digest in found if digest is not None or raw.count(b'"') & 1)


def _above(part: Part, job: Job) -> Iterator[str]:
    """The file's lines from its beginning, not counted."""
    with unpacked(part.file.address) as file:
        yield from _Feed(lines(file, job.bounds.longest, start=0, end=None, line=0, blanks=True), job, Notes())


def _header(part: Part, job: Job) -> tuple[str, list[str]]:
    """The delimiter and the columns: a comma, semicolons or tabs, the first that sets the column that is read apart, else most columns.

    Raises csv.Error where the first row can't be read by any, _RowError where it is no text.
    """
    plain = Path(part.file.name).with_suffix("") if Path(part.file.name).suffix.lower() in PACKED else Path(part.file.name)
    stated = job.source.delimiter or ("\t" if plain.suffix.lower() == ".tsv" else "")
    signs = stated or ",;\t"
    found: dict[str, list[str]] = {}
    faults = []
    for sign, above in zip(signs, tee(_above(part, job), len(signs)), strict=True):
        try:
            columns = _columns(above, sign)
        except csv.Error as fault:
            faults.append(fault)
            continue
        if sign == signs[0] or len(columns) > 1:
            found[sign] = columns
    if not found:
        raise faults[0]
    sign = next((sign for sign in found if job.source.column in found[sign]), max(found, key=lambda sign: len(found[sign])))
    return sign, found[sign]


def _columns(first: Iterator[str], delimiter: str) -> list[str]:
    """The first row that has any."""
    return next((row for row in _rows(first, delimiter) if any(map(str.strip, row))), [])


def _rows(feed: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(feed, delimiter=delimiter, strict=True)


def _documents(feed: _Feed, columns: list[str], delimiter: str, name: str, job: Job, notes: Notes) -> Iterator[Found]:
    column, group = job.source.column, job.source.group_column
    if column not in columns:
        notes.columns.update(columns)
    place = columns.index(column) if column in columns else None
    other = columns.index(group) if group in columns else None
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
            notes.having += 1
            reason = fault_of(row[place])
            if reason is None:
                yield line, row[place], row[other] if other is not None else None
                continue
        digest = hashlib.sha256(b"".join(held[2] for held, _ in feed.row).rstrip(b"\r\n")).hexdigest()
        yield Bad(file=name, line=line, offset=offset, reason=str(reason), sha256=digest)
