"""Rows of .jsonl and of .json files."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

import orjson

from pipeline.text.reading.found import Document, Found, Job, Notes, fault_of, text_of
from pipeline.text.reading.lines import Line, digest_of, lines
from pipeline.text.reading.rows import Bad, loads, unpacked, whole_file_bad
from pipeline.text.reading.sources import Part

_BLOCK = 1 << 20  # bytes
_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # those of UTF-16
_LOST = "\ufffd".encode()
_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)|[\[\]{}]', re.DOTALL)
_KEY = re.compile(rb'\s*:\s*(?=")')


class UnclosedError(Exception):
    """A file ends within an array or a value; the arguments are the last element's number, offset and head."""


def read_jsonl(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a line."""
    with unpacked(part.file.address) as file:
        for line in lines(file, job.bounds.longest, start=part.start, end=part.end, line=part.line):
            if line[1] == 0 and line[2].startswith(_WIDE):
                yield whole_file_bad(part.file.name, "undecodable", line[2])
                return
            yield row_of(line, part.file.name, job, notes)


def read_json(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document an object, whether they stand in an array or one after the other; the line is the object's number.

    An object that is never closed takes all after it along: then the file is damaged.
    """
    if job.stated:
        yield from _recoded(part, job, notes)
        return
    with unpacked(part.file.address) as file:
        try:
            for value in values(file, job.bounds.longest):
                yield row_of(value, part.file.name, job, notes)
        except UnclosedError as fault:
            number, offset, raw = fault.args
            yield Bad(file=part.file.name, line=number, offset=offset, reason="damaged", sha256=digest_of(raw))


def row_of(line: Line, name: str, job: Job, notes: Notes) -> Found:
    """A JSON object as a document, or why it is none."""
    number, offset, raw, digest = line
    if offset == 0 and raw.startswith(_MARK):
        raw = raw.removeprefix(_MARK)
        notes.mended["byte_order_mark"] += 1
    value: Any
    reason: str | None
    if digest is not None:
        value, reason = _head(raw, job, notes), "line_too_long"
    elif job.stated:
        value, reason = _loads(raw, job, notes)
    else:
        try:
            value, reason = orjson.loads(raw), None
        except orjson.JSONDecodeError:
            value, reason = _loads(raw, job, notes)
    if isinstance(value, dict):
        found = _document(value, number, job, notes)
        if isinstance(found, tuple):
            return found
        reason = found
    elif reason is None:
        reason = "not_an_object"
    return Bad(file=name, line=number, offset=offset, reason=reason, sha256=digest or digest_of(line[2]))


class _Recoded:
    """A file in another encoding, read as UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        """The bytes of so many characters."""
        return self._text.read(size).encode()


def _recoded(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """The rows of a .json file in the encoding that is stated, whose bytes may look like quotes and brackets; they have no offset."""
    name, encoding = part.file.name, str(job.source.encoding)
    notes.encodings[encoding.lower()] += 1
    with io.TextIOWrapper(unpacked(part.file.address), encoding, "replace", newline="") as text:
        try:
            for value in values(_Recoded(text), job.bounds.longest):
                number, _, raw, digest = value
                if _LOST in raw and not job.replaces:
                    yield Bad(file=name, line=number, offset=None, reason="invalid_utf8", sha256=digest or digest_of(raw))
                    continue
                notes.mended.update({"undecodable": 1} if _LOST in raw else {})
                found = row_of(value, name, replace(job, stated=False), notes)
                yield replace(found, offset=None) if isinstance(found, Bad) else found
        except UnclosedError as fault:
            yield Bad(file=name, line=fault.args[0], offset=None, reason="damaged", sha256=digest_of(fault.args[2]))


def values(file: "IO[bytes] | _Recoded", limit: int) -> Iterator[Line]:
    """The elements of a JSON array, or values that follow one another, with their numbers; what is no JSON comes out as it is.

    An element longer than `limit` bytes is yielded as its head, with a digest of that. Only one element is held.
    Raises UnclosedError where the array, or the last value, is not closed.
    """
    number, at, depth, inside, base = 0, 0, 0, False, None
    held, begin, over = bytearray(), 0, False
    while block := file.read(_BLOCK):
        done = position = 0
        if base is None:
            position = done = len(block) - len(block.lstrip(b" \t\r\n\xef\xbb\xbf"))
            if position == len(block):
                at += len(block)
                continue
            base = depth = int(block[position : position + 1] == b"[")
            position = done = position + base
            begin = at + done
        while found := (_INSIDE if inside else _OUTSIDE).search(block, position):
            token, position = found[0], found.end()
            if inside:
                inside, position = token != b'"', position + (token == b"\\")
                continue
            inside = token == b'"'
            depth += (token in b"[{") - (token in b"]}")
            ends = depth == base and (token == b"," if base else token in b"]}")
            if ends or depth < base:
                over = _hold(held, block[done : position if depth == base and not base else position - 1], limit) or over
                if held.strip():
                    number += 1
                    yield number, begin, bytes(held), digest_of(bytes(held)) if over else None
                held.clear()
                done, begin, over = position, at + position, False
                depth, base = max(depth, 0), base if depth >= base else 0
        over = _hold(held, block[done:], limit) or over
        at += len(block)
        if position > len(block):  # an escape whose second byte is the next block's first
            held += file.read(1)
            at += 1
    if base or inside or depth > 0:  # an element that is not closed takes the array's bracket for its own
        raise UnclosedError(number + 1, begin, bytes(held))
    if held.strip():
        yield number + 1, begin, bytes(held), digest_of(bytes(held)) if over else None


def _hold(held: bytearray, more: bytes, limit: int) -> bool:
    """Append as much as the limit allows; whether there was more."""
    held += more[: max(0, limit - len(held))]
    return len(more) > 0 and len(held) >= limit


def _document(value: dict[str, Any], number: int, job: Job, notes: Notes) -> Document | str:
    """The row as a document, or the reason why it is none."""
    column = job.source.column
    if column not in value:
        notes.columns.update(value)
        return "missing_column"
    notes.having += 1
    text = value[column]
    return fault_of(text) or (number, text, value.get(job.source.group_column) if job.source.group_column else None)


def _loads(raw: bytes, job: Job, notes: Notes) -> tuple[Any, str | None]:
    """The value of a line that orjson refuses, or the reason of the quarantine."""
    own = Notes()
    text = text_of(raw, job, own)
    if text is None:
        return None, "invalid_utf8"
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return None, "malformed_json"
    notes.mended.update(own.mended)
    notes.encodings.update(own.encodings)
    if not (job.stated or own.mended or own.encodings):
        notes.mended["surrogates"] += 1  # all else that loads and orjson refuses is malformed
    return value, None


def _head(raw: bytes, job: Job, notes: Notes) -> dict[str, Any] | None:
    """Of a row that is too long, the column as far as it was read; None where the policy or the row has none."""
    wanted = orjson.dumps(job.source.column)
    depth, key = 0, False
    if not job.truncates:
        return None
    for token in _TOKEN.finditer(raw):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif key:
            text = _closed(bytearray(memoryview(raw)[slice(*token.span())]), whole=bool(token["end"]))
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                value, _ = _loads(bytes(text), job, notes)
            if value is None:
                return None
            notes.mended["truncated"] += 1
            return {job.source.column: value}
        elif depth == 1 and token[0] == wanted:
            key = _KEY.match(raw, token.end()) is not None
    return None


def _closed(text: bytearray, *, whole: bool) -> bytearray:
    """A JSON string that was cut anywhere but after a backslash, without the escape or character that is not whole, and with its quote."""
    if whole:
        return text
    at = text.rfind(b"\\u", len(text) - 5)
    if at >= 0 and next(back for back in range(at + 1) if text[at - back] != ord("\\")) % 2:  # an odd run of backslashes ends in an escape
        del text[at:]
    lead = next((back for back in range(1, 4) if text[-back] >= 0xC0), 0)
    if lead and 2 + (text[-lead] >= 0xE0) + (text[-lead] >= 0xF0) > lead:
        del text[-lead:]
    text += b'"'
    return text
