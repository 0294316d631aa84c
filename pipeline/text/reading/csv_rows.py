"""Rows of .csv and .tsv files, the first of which names the columns."""

import csv
import hashlib
from collections.abc import Iterator
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
        self.raws: list[bytes] = []
        self.line, self.offset = 0, 0

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.raws = []

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line, offset, raw, digest = next(self._found)
        if not self.raws:
            self.line, self.offset = line, offset
        self.raws.append(raw)
        if digest is not None:
            raise _RowError("line_too_long")
        text = text_of(raw.removeprefix(_MARK) if offset == 0 else raw, self._job, self._notes)
        if text is None:
            raise _RowError("invalid_utf8")
        return text


def read_csv(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a row. The columns are those of the file's first row, wherever the part begins.

    A row with more or fewer fields than that, or with a quote that does not fit, is malformed.
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
    with unpacked(part.file.address) as file:
        feed = _Feed(lines(file, longest, start=part.start, end=part.end, line=part.line, blanks=True), job, notes)
        columns: list[str] = next(_rows(iter([head[2].removeprefix(_MARK).decode("utf-8", "replace")]), name), [])
        if part.start == 0:
            next(_rows(feed, name), None)
        yield from _documents(feed, columns, name, job, notes)


def odd_lines(part: Part, longest: int) -> int:
    """Lines that hold an odd number of quotes: then a row may go over several lines."""
    with unpacked(part.file.address) as file:
        found = lines(file, longest, start=part.start, end=part.end, line=part.line)
        return sum(1 for _, _, raw, digest in found if digest is not None or raw.count(b'"') & 1)


def _rows(feed: Iterator[str], name: str) -> Iterator[list[str]]:
    plain = Path(name).with_suffix("") if Path(name).suffix.lower() in PACKED else Path(name)
    return csv.reader(feed, delimiter="\t" if plain.suffix.lower() == ".tsv" else ",", strict=True)


def _documents(feed: _Feed, columns: list[str], name: str, job: Job, notes: Notes) -> Iterator[Found]:
    column, group = job.source.column, job.source.group_column
    if column not in columns:
        notes.columns.update(columns)
    place = columns.index(column) if column in columns else None
    other = columns.index(group) if group in columns else None
    reader = _rows(feed, name)
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
        except _RowError as fault:
            reason = str(fault)
        if reason is None and place is None:
            reason = "missing_column"
        if reason is None and place is not None:
            notes.having += 1
            reason = fault_of(row[place])
            if reason is None:
                yield feed.line, row[place], row[other] if other is not None else None
                continue
        digest = hashlib.sha256(b"".join(feed.raws).rstrip(b"\r\n")).hexdigest()
        yield Bad(file=name, line=feed.line, offset=feed.offset, reason=str(reason), sha256=digest)
