"""Pages and texts of web archives (WARC 1.1, ISO 28500), among them Common Crawl's WET files."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pipeline.text.reading.encoding import UndecodableError, decode_as
from pipeline.text.reading.found import Found, Job, Notes, fault_of, whole_text
from pipeline.text.reading.html import page_of, page_text
from pipeline.text.reading.rows import Bad, unpacked, whole_file_bad
from pipeline.text.reading.sources import Part

_KINDS = ("response", "conversion", "resource")
_PAGES = ("text/html", "application/xhtml+xml")


def read_warc(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """One document a record that holds a page or plain text; other records, and answers other than 200, are passed over and counted.

    `group` may be host, url or type; the row is the record's number.
    """
    from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]
    from warcio.exceptions import ArchiveLoadFailed  # type: ignore[import-untyped]

    name, number = part.file.name, 0
    with unpacked(part.file.address) as file:
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
                notes.passed_over["record_not_text" if record.rec_type in _KINDS else f"record_{record.rec_type}"] += 1
                continue
            try:
                yield _document(record, kind, number, part, job, notes)
            except (ArchiveLoadFailed, EOFError) as fault:
                yield _damaged(name, number, fault)
                break
        if number == 0:
            yield whole_file_bad(name, "empty_file", b"")


def _damaged(name: str, number: int, fault: Exception) -> Bad:
    """The record from which on the archive can't be read."""
    return Bad(file=name, line=number, offset=None, reason="damaged", sha256=hashlib.sha256(repr(fault).encode()).hexdigest())


def _kind(record: Any) -> str:
    """The type of what a record holds, "" where it is no answer of use."""
    if record.rec_type not in _KINDS:
        return ""
    http = record.http_headers
    if http is not None and http.get_statuscode() != "200":
        return ""
    stated = (http or record.rec_headers).get_header("Content-Type") or ""
    return str(stated).split(";")[0].strip().lower()


def _document(record: Any, kind: str, number: int, part: Part, job: Job, notes: Notes) -> Found:
    raw = record.content_stream().read(job.bounds.longest + 1)

    def bad(reason: str) -> Bad:
        return Bad(file=part.file.name, line=number, offset=None, reason=reason, sha256=hashlib.sha256(raw).hexdigest())

    if getattr(record.raw_stream, "limit", 0) > 0 and len(raw) <= job.bounds.longest:
        return bad("damaged")  # the file ends before the record does
    if len(raw) > job.bounds.longest and not job.truncates:
        return bad("text_too_long")
    charset, stated = _charset(record), job.source.encoding
    try:
        page = whole_text(raw, lambda raw: page_of(raw, charset, stated) if kind in _PAGES else decode_as(raw, stated), job, notes)
    except UndecodableError as fault:
        return bad(str(fault))
    text = page_text(page) if kind in _PAGES else page
    reason = fault_of(text)
    if reason is not None:
        return bad(reason)
    notes.having += 1
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    columns = {"url": url, "host": _host(url), "type": kind}
    return number, text, columns.get(job.source.group_column) if job.source.group_column else None


def _host(url: str) -> str | None:
    """The host of an address, None where it names none or is no address."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _charset(record: Any) -> str | None:
    """The encoding that the answer's header states."""
    stated = record.http_headers.get_header("Content-Type") if record.http_headers else None
    return next(
        (word.split("=", 1)[1].strip(" \"'") for word in (stated or "").split(";") if word.strip().lower().startswith("charset=")), None
    )
