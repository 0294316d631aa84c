"""Pages and texts in web archives (WARC 1.1, ISO 28500), including Common Crawl's WET files."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pipeline.text.reading.context import ReadContext, ReadStats, Record, decode_file, text_fault
from pipeline.text.reading.encoding import UndecodableError, decode_as
from pipeline.text.reading.html import decode_page, web_page_columns, web_page_text
from pipeline.text.reading.rows import BadRow, bad_file, open_decompressed
from pipeline.text.reading.sources import FileRange

_KINDS = ("response", "conversion", "resource")
_PAGES = ("text/html", "application/xhtml+xml")


def read_warc(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """One document per record with a page or plain text; other records, and responses other than 200, are skipped and counted.

    The row is the number of the record. Columns are url, host, type and date (of the capture), and what the page says of itself
    (html.web_page_columns).
    """
    from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]
    from warcio.exceptions import ArchiveLoadFailed  # type: ignore[import-untyped]

    name, number = part.file.name, 0
    with open_decompressed(part.file.address) as file:
        records = ArchiveIterator(file)
        while True:
            try:
                record = next(records, None)
            except (ArchiveLoadFailed, ValueError, EOFError) as fault:
                yield _damaged(name, number + 1, fault)
                break
            if record is None:
                break
            number += 1
            kind = _kind(record)
            if kind not in (*_PAGES, "text/plain"):
                stats.passed_over["record_not_text" if record.rec_type in _KINDS else f"record_{record.rec_type}"] += 1
                continue
            try:
                yield _document(record, kind, number, part, context, stats)
            except (ArchiveLoadFailed, EOFError) as fault:
                yield _damaged(name, number, fault)
                break
        if number == 0:
            yield bad_file(name, "empty_file", b"")


def _damaged(name: str, number: int, fault: Exception) -> BadRow:
    """A bad row for the record where the archive becomes unreadable."""
    return BadRow(file=name, line=number, offset=None, reason="damaged", sha256=hashlib.sha256(repr(fault).encode()).hexdigest())


def _kind(record: Any) -> str:
    """The content type of a record; "" if it is not usable."""
    if record.rec_type not in _KINDS:
        return ""
    http = record.http_headers
    if http is not None and http.get_statuscode() != "200":
        return ""
    stated = (http or record.rec_headers).get_header("Content-Type") or ""
    return str(stated).split(";")[0].strip().lower()


def _document(record: Any, kind: str, number: int, part: FileRange, context: ReadContext, stats: ReadStats) -> Record:
    raw = record.content_stream().read(context.limits.max_document_bytes + 1)

    def bad(reason: str) -> BadRow:
        return BadRow(file=part.file.name, line=number, offset=None, reason=reason, sha256=hashlib.sha256(raw).hexdigest())

    if getattr(record.raw_stream, "limit", 0) > 0 and len(raw) <= context.limits.max_document_bytes:
        return bad("damaged")  # the file ends before the record does
    if len(raw) > context.limits.max_document_bytes and not context.truncates:
        return bad("text_too_long")
    charset, stated = _charset(record), context.source.encoding
    try:
        page = decode_file(raw, lambda raw: decode_page(raw, charset, stated) if kind in _PAGES else decode_as(raw, stated), context, stats)
    except UndecodableError as fault:
        return bad(str(fault))
    text = web_page_text(page) if kind in _PAGES else page
    reason = text_fault(text)
    if reason is not None:
        return bad(reason)
    stats.rows_with_column += 1
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    columns = {"url": url, "host": _host(url), "type": kind, "date": record.rec_headers.get_header("WARC-Date")}
    return number, text, columns | (web_page_columns(page, context.source.columns) if kind in _PAGES else {})


def _host(url: str) -> str | None:
    """The host of a URL; None if invalid or without host."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _charset(record: Any) -> str | None:
    """The charset in the HTTP header."""
    stated = record.http_headers.get_header("Content-Type") if record.http_headers else None
    return next(
        (word.split("=", 1)[1].strip(" \"'") for word in (stated or "").split(";") if word.strip().lower().startswith("charset=")), None
    )
