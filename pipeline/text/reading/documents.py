"""Formats with one document per file: .html, .epub; and what whole files have in common."""

import hashlib
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree

from pipeline.text.reading.context import ReadContext, ReadStats, Record, decode_file, text_fault
from pipeline.text.reading.encoding import UndecodableError
from pipeline.text.reading.html import book_page_text, decode_page, web_page_columns, web_page_text
from pipeline.text.reading.metadata import NO_COLUMNS, Columns
from pipeline.text.reading.rows import BadRow, bad_file, open_decompressed
from pipeline.text.reading.seekable import seekable
from pipeline.text.reading.sources import FileRange

_BLOCK = 1 << 20  # bytes
_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_PACKAGE = "{http://www.idpf.org/2007/opf}"
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
_TAG = re.compile(r"<[a-zA-Z!/?]")
_PAGES = ("application/xhtml+xml", "text/html")


Extract = Callable[[str], tuple[str, Columns]]


class _TooLongError(Exception):
    """A member of an archive exceeds the document limit."""


def read_html(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The main text of the page, with the columns of web_page_columns; all of a text that has no tag and only is named as a page."""

    def extracted(page: str) -> tuple[str, Columns]:
        if context.source.format != "auto" or _TAG.search(page):
            return web_page_text(page), web_page_columns(page, context.source.columns)
        stats.read_as["html as txt"] += 1
        return page, NO_COLUMNS

    yield from read_whole(part, context, stats, lambda raw: decode_page(raw, None, context.source.encoding), extracted)


def read_epub(part: FileRange, context: ReadContext, stats: ReadStats) -> Iterator[Record]:
    """The text of all pages of the book, in spine order; the columns creator, date and rights as its package states them (Dublin Core)."""
    name, max_document_bytes, own = part.file.name, context.limits.max_document_bytes, ReadStats()
    with seekable(part.file.address) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                package, folder = _package(archive, max_document_bytes)
                raws = (_member(archive, member, max_document_bytes) for member in _spine(package, folder))
                pages = [decode_file(raw, lambda raw: decode_page(raw, None, None), context, own) for raw in raws]
        except _TooLongError:
            yield _bad(file, name, "file_too_long")
        except UndecodableError as fault:
            yield _bad(file, name, str(fault))
        except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error):
            yield _bad(file, name, "damaged")  # not an archive, a missing page, unknown compression or encryption
        else:
            stats.encodings.update(own.encodings)
            stats.mended.update(own.mended)
            text = "\n\n".join(filter(None, map(book_page_text, pages)))
            yield (None, text, _dublin_core(package)) if text else _bad(file, name, "empty_text")


def read_whole(
    part: FileRange, context: ReadContext, stats: ReadStats, decoded: Callable[[bytes], tuple[str, str]], extracted: Extract
) -> Iterator[Record]:
    """The text, and what else is known of it, that is extracted from the file's decoded content."""
    name, max_document_bytes = part.file.name, context.limits.max_document_bytes
    with open_decompressed(part.file.address) as file:
        raw = file.read(max_document_bytes + 1)
        if len(raw) > max_document_bytes and not context.truncates:
            yield bad_whole(file, name, "file_too_long", raw)
            return
    try:
        if len(raw) > max_document_bytes:
            raw = cut_bytes(raw, max_document_bytes)
            stats.mended["truncated"] += 1
        text, columns = extracted(decode_file(raw, decoded, context, stats))
    except UndecodableError as fault:
        yield bad_file(name, str(fault), raw)
        return
    reason = text_fault(text)
    yield (None, text, columns) if reason is None else bad_file(name, reason, raw)


def cut_bytes(raw: bytes, max_document_bytes: int) -> bytes:
    """Truncate, without splitting a UTF-8 character."""
    end = max_document_bytes
    while end > max_document_bytes - 4 and raw[end] & 0xC0 == 0x80:
        end -= 1
    return raw[: end - end % 2 if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else end]


def bad_whole(file: IO[bytes], name: str, reason: str, raw: bytes = b"") -> BadRow:
    """The quarantine row of a file whose first bytes `raw` were read, with the digest of all of it."""
    digest = hashlib.sha256(raw)
    while block := file.read(_BLOCK):
        digest.update(block)
    return BadRow(file=name, line=None, offset=0, reason=reason, sha256=digest.hexdigest())


def _bad(file: IO[bytes], name: str, reason: str) -> BadRow:
    file.seek(0)
    return BadRow(file=name, line=None, offset=0, reason=reason, sha256=hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]


def _package(archive: zipfile.ZipFile, max_document_bytes: int) -> tuple[ElementTree.Element, str]:
    """The package that container.xml names (EPUB 3.3), and the folder it lies in."""
    container = ElementTree.fromstring(_member(archive, "META-INF/container.xml", max_document_bytes))
    root = next((place.attrib["full-path"] for place in container.iter(f"{_CONTAINER}rootfile")), "")
    return ElementTree.fromstring(_member(archive, root, max_document_bytes)), posixpath.dirname(root)


def _dublin_core(package: ElementTree.Element) -> Columns:
    """All creators and rights; of dates, which may be several, the first."""
    found = {name: [one.text or "" for one in package.iter(f"{_DUBLIN_CORE}{name}")] for name in ("creator", "rights", "date")}
    return {**found, "date": next(iter(found["date"]), None)}


def _spine(package: ElementTree.Element, folder: str) -> list[str]:
    """The names of the pages in reading order: the spine of the package orders its manifest."""
    items = {task.attrib["id"]: task.attrib for task in package.iter(f"{_PACKAGE}item")}
    chosen = [items[reference.attrib["idref"]] for reference in package.iter(f"{_PACKAGE}itemref")]
    return [
        posixpath.normpath(posixpath.join(folder, unquote(task["href"])))
        for task in chosen
        if task.get("media-type") in _PAGES and "nav" not in task.get("properties", "").split()
    ]


def _member(archive: zipfile.ZipFile, name: str, max_document_bytes: int) -> bytes:
    with archive.open(name) as file:
        raw = file.read(max_document_bytes + 1)
    if len(raw) > max_document_bytes:
        raise _TooLongError(name)
    return raw
