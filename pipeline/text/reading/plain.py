"""Plain text: .txt and .md, a document a file, or several with separators between them; a long document in chunks."""

import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, cast

from pipeline.text.reading.chunks import Chunk, Chunker, chunks_between, chunks_of
from pipeline.text.reading.content import is_another_format, is_page
from pipeline.text.reading.context import ChunkPlace, ReadContext, ReadStats, Record, decode_file, text_fault
from pipeline.text.reading.documents import bad_whole, cut_bytes, read_html, read_whole
from pipeline.text.reading.encoding import UndecodableError, decode_as, is_binary, is_wide, wide_of
from pipeline.text.reading.lines import Line, row_digest
from pipeline.text.reading.marks import AUTO, Separator, separator_of
from pipeline.text.reading.metadata import NO_COLUMNS, Columns
from pipeline.text.reading.rows import BadRow, DamagedError, bad_file, open_decompressed
from pipeline.text.reading.separated import count_separators, separated, trimmed
from pipeline.text.reading.sources import FileRange, Source
from pipeline.text.reading.transcoded import transcoded

_FENCE = re.compile(rb"^ {0,3}(?:```|~~~)", re.MULTILINE)
HEAD = 1 << 16  # bytes by which it is known whether a long file is text


def read_text(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The file as it is, or its documents, long ones in chunks; of a file named as text that is a page its main text."""
    limits = context.limits
    with open_decompressed(part.file.address) as file:
        if part.separator is not None:
            yield from _documents(file, part.separator, part, context, stats)
            return
        if part.chunked:
            chunks = chunks_between(file, limits.max_chunk_bytes, start=part.start, end=part.start + part.size)
            yield from _records(chunks, part, context, stats)
            return
        raw = file.read(limits.max_document_bytes + 1)
    if context.source.format == "auto" and is_another_format(raw):
        yield bad_file(part.file.name, "another_format", raw)
    elif context.source.format == "auto" and is_page(raw):
        stats.read_as[f"{part.file.kind} as html"] += 1
        yield from read_html(part, context, stats)
    elif len(raw) > limits.max_document_bytes and context.cuts:
        yield from _long(raw, part, context, stats)
    elif separator := _separator(part, context):
        yield from _parted(raw, separator, part, context, stats)
    else:
        yield from _whole(part, context, stats)


def can_be_read_anywhere(head: bytes, source: Source) -> bool:
    """Whether a long file with this head is text whose chunks can be found from any place."""
    other = source.format == "auto" and (is_another_format(head) or is_page(head))
    return not other and wide_of(head, source.encoding) is None and not is_binary(head)


def _whole(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The file as one document."""
    for found in read_whole(part, context, stats, lambda raw: decode_as(raw, context.source.encoding), _as_it_is):
        yield from [found] if isinstance(found, BadRow) else _fitting(None, found[1], 0, part, context, stats)


def _as_it_is(text: str) -> tuple[str, Columns]:
    return text, NO_COLUMNS


def _parted(raw: bytes, separator: Separator, part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The documents of a file that begins with these bytes, or all of it as one."""
    short, stated = len(raw) <= context.limits.max_document_bytes, context.source.encoding
    if short and wide_of(raw, stated) is not None:
        try:
            text, encoding = decode_as(raw, stated)
        except UndecodableError:
            found = None
        else:
            raw = text.encode()
            found = _parting(io.BytesIO(raw), separator)
            stats.encodings.update([encoding] if found else [])
    else:
        with io.BytesIO(raw) if short else open_decompressed(part.file.address) as file:
            found = _parting(file, separator)
    if found is None:
        yield from _whole(part, context, stats)
        return
    with io.BytesIO(raw) if short else open_decompressed(part.file.address) as file:
        yield from _documents(file, found, part, context, stats)


def _long(raw: bytes, part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The documents of a file that begins with these bytes and is longer than one may be, or its chunks."""
    wide = wide_of(raw, context.source.encoding)
    if wide is None and is_binary(raw[:HEAD]):
        with open_decompressed(part.file.address) as file:
            yield bad_whole(file, part.file.name, "binary")
        return
    found = None
    if (separator := _separator(part, context)) is not None:
        with _opened(part, wide, context, ReadStats()) as file:
            found = _parting(file, separator)
    stats.encodings.update([] if wide is None else [wide])
    try:
        with _opened(part, wide, context, stats) as file:
            if found is not None:
                yield from _documents(file, found, part, context, stats)
            else:
                chunks = chunks_of(file, context.limits.max_chunk_bytes, markdown=part.file.kind == "md")
                yield from _records(chunks, part, context, stats)
    except UndecodableError as fault:
        yield bad_file(part.file.name, str(fault), raw)


def _opened(part: FileRange, wide: str | None, context: ReadContext, stats: ReadStats) -> IO[bytes]:
    """The unpacked file; of one in a wide encoding its text as UTF-8."""
    file = open_decompressed(part.file.address)
    return file if wide is None else transcoded(file, wide, replaces=context.replaces, mended=stats.mended)


def _separator(part: FileRange, context: ReadContext) -> Separator | None:
    """What may part the documents of the file. In Markdown with fenced code a mark may be an example, so only a stated one does."""
    encoding = context.source.encoding
    separator = separator_of(context.source.separator, None if encoding is not None and is_wide(encoding) else encoding)
    if separator is None or context.source.separator != AUTO or part.file.kind != "md":
        return separator
    with open_decompressed(part.file.address) as file:
        return None if _FENCE.search(file.read(context.limits.max_document_bytes)) else separator


def _parting(file: IO[bytes], separator: Separator) -> Separator | None:
    """The separators that part the documents of the file; None if none does."""
    return separator.only(count_separators(cast(IO[bytes], _UpToFault(file)), separator, 0, None))


class _UpToFault:
    """A file that ends where it can't be read: what stands before is read first, and then the fault is told."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (DamagedError, UndecodableError):
            return b""


def _documents(file: IO[bytes], separator: Separator, part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document between two separators; `line` is its number."""
    limits = context.limits

    def chunker(number: int, offset: int) -> Chunker:
        return Chunker(limits.max_chunk_bytes, markdown=part.file.kind == "md", row=number, at=offset)

    found = separated(
        file,
        separator,
        limits.max_document_bytes,
        chunker if context.cuts else None,
        start=part.start,
        end=part.end,
        number=part.line,
        names=stats.separators,
    )
    yield from _records(found, part, context, stats)


def _records(
    found: Iterator[Line] | Iterator[Chunk] | Iterator[Line | Chunk], part: FileRange, context: ReadContext, stats: ReadStats
) -> Iterator[Record]:
    """Documents and chunks, decoded; chunks of white space alone are left out."""
    for one in found:
        if isinstance(one, Chunk):
            stats.cuts.update([one.ends_at] if one.ends_at else [])
            if raw := trimmed(one.raw):
                yield from _record(ChunkPlace(one.row, one.offset), (one.row, one.offset, raw, None), part, context, stats)
        else:
            yield from _record(one[0], one, part, context, stats)


def _record(
    place: int | ChunkPlace | None, line: tuple[int | None, int, bytes, str | None], part: FileRange, context: ReadContext, stats: ReadStats
) -> Iterator[Record]:
    number, offset, raw, digest = line
    own, stated = ReadStats(), context.source.encoding
    encoding = None if stated is not None and is_wide(stated) else stated  # what was wide is UTF-8 here
    text, reason = "", None
    if digest is not None and not context.truncates:
        reason = "text_too_long"
    else:
        if digest is not None:
            raw = cut_bytes(raw, min(context.limits.max_document_bytes, len(raw) - 1))
            stats.mended["truncated"] += 1
        try:
            text = decode_file(raw, lambda raw: decode_as(raw, encoding), context, own)
            reason = text_fault(text)
        except UndecodableError as fault:
            reason = str(fault)
    stats.mended.update(own.mended)
    stats.encodings.update({encoding: count for encoding, count in own.encodings.items() if encoding != "utf-8"})
    if reason is None:
        yield from _fitting(place, text, offset, part, context, stats)
    else:
        yield BadRow(file=part.file.name, line=number, offset=offset, reason=reason, sha256=digest or row_digest(raw))


def _fitting(
    row: int | ChunkPlace | None, text: str, offset: int, part: FileRange, context: ReadContext, stats: ReadStats
) -> Iterator[Record]:
    """The document; in chunks if only in UTF-8 it is longer than one may be, with offsets in UTF-8. A chunk always fits."""
    limits = context.limits
    if isinstance(row, ChunkPlace) or not context.cuts or 4 * len(text) <= limits.max_document_bytes:
        yield row, text, NO_COLUMNS
        return
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limits.max_document_bytes:
        yield row, text, NO_COLUMNS
        return
    chunker = Chunker(limits.max_chunk_bytes, markdown=part.file.kind == "md", row=row, at=offset)
    yield from _records(chain(chunker.add(raw), chunker.end()), part, context, ReadStats(cuts=stats.cuts))
