"""Rows of .jsonl and of .json files."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

import orjson

from pipeline.text.reading.context import Document, ReadContext, ReadStats, Record, decode_row, text_fault
from pipeline.text.reading.lines import Line, lines, row_digest
from pipeline.text.reading.metadata import looked_up
from pipeline.text.reading.rows import BadRow, bad_file, loads, open_decompressed
from pipeline.text.reading.sources import FileRange

_BLOCK = 1 << 20  # bytes
_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # those of UTF-16
_LOST = "\ufffd".encode()
_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<end>"?)|[\[\]{}]', re.DOTALL)
_KEY = re.compile(rb'\s*:\s*(?=")')


class UnclosedError(Exception):
    """A file ends within an array or a value; the arguments are number, offset and head of the last element."""


def read_jsonl(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per line."""
    with open_decompressed(part.file.address) as file:
        for line in lines(file, context.limits.max_document_bytes, start=part.start, end=part.end, line=part.line):
            if line[1] == 0 and line[2].startswith(_WIDE):
                yield bad_file(part.file.name, "undecodable", line[2])
                return
            yield parse_line(line, part.file.name, context, stats)


def read_json(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per object, in an array or concatenated; `line` is the number of the object.

    An object that is never closed swallows everything after it: then the file is damaged.
    """
    if context.stated:
        yield from _recoded(part, context, stats)
        return
    with open_decompressed(part.file.address) as file:
        try:
            for value in json_values(file, context.limits.max_document_bytes):
                yield parse_line(value, part.file.name, context, stats)
        except UnclosedError as fault:
            number, offset, raw = fault.args
            yield BadRow(file=part.file.name, line=number, offset=offset, reason="damaged", sha256=row_digest(raw))


def parse_line(line: Line, name: str, context: ReadContext, stats: ReadStats) -> Record:
    """A JSON object as a document, or as a bad row."""
    number, offset, raw, digest = line
    if offset == 0 and raw.startswith(_MARK):
        raw = raw.removeprefix(_MARK)
        stats.mended["byte_order_mark"] += 1
    value: Any
    reason: str | None
    if digest is not None:
        value, reason = _head(raw, context, stats), "line_too_long"
    elif context.stated:
        value, reason = _loads(raw, context, stats)
    else:
        try:
            value, reason = orjson.loads(raw), None
        except orjson.JSONDecodeError:
            value, reason = _loads(raw, context, stats)
    if isinstance(value, dict):
        found = _document(value, number, context, stats)
        if isinstance(found, tuple):
            return found
        reason = found
    elif reason is None:
        reason = "not_an_object"
    return BadRow(file=name, line=number, offset=offset, reason=reason, sha256=digest or row_digest(line[2]))


class _Recoded:
    """A file in another encoding, re-encoded as UTF-8."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def read(self, size: int) -> bytes:
        """The bytes of `size` characters."""
        return self._text.read(size).encode()


def _recoded(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The rows of a .json file in the stated encoding, whose bytes may look like quotes and brackets; rows have no offset."""
    name, encoding = part.file.name, str(context.source.encoding)
    stats.encodings[encoding.lower()] += 1
    with io.TextIOWrapper(open_decompressed(part.file.address), encoding, "replace", newline="") as text:
        try:
            for value in json_values(_Recoded(text), context.limits.max_document_bytes):
                number, _, raw, digest = value
                if _LOST in raw and not context.replaces:
                    yield BadRow(file=name, line=number, offset=None, reason="invalid_utf8", sha256=digest or row_digest(raw))
                    continue
                stats.mended.update({"undecodable": 1} if _LOST in raw else {})
                found = parse_line(value, name, replace(context, stated=False), stats)
                yield replace(found, offset=None) if isinstance(found, BadRow) else found
        except UnclosedError as fault:
            yield BadRow(file=name, line=fault.args[0], offset=None, reason="damaged", sha256=row_digest(fault.args[2]))


def json_values(file: "IO[bytes] | _Recoded", limit: int) -> Iterator[Line]:
    """The elements of a JSON array, or concatenated values, with their numbers; invalid JSON is passed through.

    Of an element longer than `limit` bytes the head is yielded, with a digest of the head. Only one element is held at a time.
    Raises UnclosedError if the array, or the last value, is not closed.
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
                    yield number, begin, bytes(held), row_digest(bytes(held)) if over else None
                held.clear()
                done, begin, over = position, at + position, False
                depth, base = max(depth, 0), base if depth >= base else 0
        over = _hold(held, block[done:], limit) or over
        at += len(block)
        if position > len(block):  # an escape whose second byte is the next block's first
            held += file.read(1)
            at += 1
    if base or inside or depth > 0:  # an unclosed element consumes the bracket of the array
        raise UnclosedError(number + 1, begin, bytes(held))
    if held.strip():
        yield number + 1, begin, bytes(held), row_digest(bytes(held)) if over else None


def _hold(held: bytearray, more: bytes, limit: int) -> bool:
    """Append up to the limit; whether there was more."""
    held += more[: max(0, limit - len(held))]
    return len(more) > 0 and len(held) >= limit


def _document(value: dict[str, Any], number: int, context: ReadContext, stats: ReadStats) -> Document | str:
    """The row as a document, or the reason why not."""
    column = context.source.column
    if column not in value:
        stats.columns.update(value)
        return "missing_column"
    stats.rows_with_column += 1
    text = value[column]
    return text_fault(text) or (number, text, {name: looked_up(value, name) for name in context.source.columns})


def _loads(raw: bytes, context: ReadContext, stats: ReadStats) -> tuple[Any, str | None]:
    """The value of a line that orjson rejects, or the quarantine reason."""
    own = ReadStats()
    text = decode_row(raw, context, own)
    if text is None:
        return None, "invalid_utf8"
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return None, "malformed_json"
    stats.mended.update(own.mended)
    stats.encodings.update(own.encodings)
    if not (context.stated or own.mended or own.encodings):
        stats.mended["surrogates"] += 1  # everything else that orjson rejects is malformed
    return value, None


def _head(raw: bytes, context: ReadContext, stats: ReadStats) -> dict[str, Any] | None:
    """The text column of a row that is too long, as far as it was read; None if the policy is not truncate or the column is missing."""
    wanted = orjson.dumps(context.source.column)
    depth, key = 0, False
    if not context.truncates:
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
                value, _ = _loads(bytes(text), context, stats)
            if value is None:
                return None
            stats.mended["truncated"] += 1
            return {context.source.column: value}
        elif depth == 1 and token[0] == wanted:
            key = _KEY.match(raw, token.end()) is not None
    return None


def _closed(text: bytearray, *, whole: bool) -> bytearray:
    """Close a JSON string that was cut anywhere but after a backslash: drop an incomplete escape or character, and append the quote."""
    if whole:
        return text
    at = text.rfind(b"\\u", len(text) - 5)
    if (
        at >= 0 and next(back for back in range(at + 1) if text[at - back] != ord("\\")) % 2
    ):  # an odd number of backslashes ends in an escape
        del text[at:]
    lead = next((back for back in range(1, 4) if text[-back] >= 0xC0), 0)
    if lead and 2 + (text[-lead] >= 0xE0) + (text[-lead] >= 0xF0) > lead:
        del text[-lead:]
    text += b'"'
    return text
