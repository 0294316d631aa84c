"""Plain text: .txt and .md, a document a file, or several with separators between them."""

import io
import re
from collections.abc import Iterator
from typing import IO

from pipeline.text.reading.content import is_another_format, is_page
from pipeline.text.reading.context import ReadContext, ReadStats, Record, decode_file, text_fault
from pipeline.text.reading.documents import cut_bytes, read_html, read_whole
from pipeline.text.reading.encoding import UndecodableError, decode_as, is_wide
from pipeline.text.reading.lines import Line, row_digest
from pipeline.text.reading.marks import AUTO, Separator, separator_of
from pipeline.text.reading.metadata import NO_COLUMNS, Columns
from pipeline.text.reading.rows import BadRow, bad_file, open_decompressed
from pipeline.text.reading.separated import count_separators, separated
from pipeline.text.reading.sources import FileRange

_WIDE = (b"\xff\xfe", b"\xfe\xff")
_FENCE = re.compile(rb"^ {0,3}(?:```|~~~)", re.MULTILINE)


def read_text(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The file as it is, or its documents; of a file named as text that is a page its main text."""
    if part.separator is not None:
        with open_decompressed(part.file.address) as file:
            yield from _documents(file, part.separator, part, context, stats)
        return
    limit = context.limits.max_document_bytes
    with open_decompressed(part.file.address) as file:
        raw = file.read(limit + 1)
    if context.source.format == "auto" and is_another_format(raw):
        yield bad_file(part.file.name, "another_format", raw)
    elif context.source.format == "auto" and is_page(raw):
        stats.read_as[f"{part.file.kind} as html"] += 1
        yield from read_html(part, context, stats)
    elif separator := _separator(part, context):
        yield from _parted(raw, separator, part, context, stats)
    else:
        yield from read_whole(part, context, stats, lambda raw: decode_as(raw, context.source.encoding), _as_it_is)


def _as_it_is(text: str) -> tuple[str, Columns]:
    return text, NO_COLUMNS


def _parted(raw: bytes, separator: Separator, part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The documents of a file that begins with these bytes, or all of it as one."""
    limit, stated = context.limits.max_document_bytes, context.source.encoding
    short = len(raw) <= limit
    if short and (raw.startswith(_WIDE) or (stated is not None and is_wide(stated))):
        try:
            text, encoding = decode_as(raw, stated)
        except UndecodableError:
            separator_found = None
        else:
            raw = text.encode()
            separator_found = separator.only(count_separators(io.BytesIO(raw), separator, 0, None))
            stats.encodings.update([encoding] if separator_found else [])
    else:
        with io.BytesIO(raw) if short else open_decompressed(part.file.address) as file:
            separator_found = separator.only(count_separators(file, separator, 0, None))
    if separator_found is None:
        yield from read_whole(part, context, stats, lambda raw: decode_as(raw, stated), _as_it_is)
        return
    with io.BytesIO(raw) if short else open_decompressed(part.file.address) as file:
        yield from _documents(file, separator_found, part, context, stats)


def _separator(part: FileRange, context: ReadContext) -> Separator | None:
    """What may part the documents of the file. In Markdown with fenced code a mark may be an example, so only a stated one does."""
    separator = separator_of(context.source.separator, context.source.encoding)
    if separator is None or context.source.separator != AUTO or part.file.kind != "md":
        return separator
    with open_decompressed(part.file.address) as file:
        return None if _FENCE.search(file.read(context.limits.max_document_bytes)) else separator


def _documents(file: IO[bytes], separator: Separator, part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document between two separators; `line` is its number."""
    limits, name = context.limits, part.file.name
    found = separated(file, separator, limits.max_document_bytes, start=part.start, end=part.end, number=part.line, names=stats.separators)
    yield from (_document(line, name, context, stats) for line in found)


def _document(line: Line, name: str, context: ReadContext, stats: ReadStats) -> Record:
    number, offset, raw, digest = line
    own = ReadStats()
    reason: str | None
    if digest is not None and not context.truncates:
        reason = "text_too_long"
    else:
        if digest is not None:
            raw = cut_bytes(raw, min(context.limits.max_document_bytes, len(raw) - 1))
            stats.mended["truncated"] += 1
        try:
            text = decode_file(raw, lambda raw: decode_as(raw, context.source.encoding), context, own)
            reason = text_fault(text)
        except UndecodableError as fault:
            reason = str(fault)
    stats.mended.update(own.mended)
    stats.encodings.update({encoding: count for encoding, count in own.encodings.items() if encoding != "utf-8"})
    if reason is None:
        return number, text, NO_COLUMNS
    return BadRow(file=name, line=number, offset=offset, reason=reason, sha256=digest or row_digest(raw))
