"""Files that are one document each: .txt, .md, .html, .epub."""

import hashlib
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree

from pipeline.text.reading.encoding import UndecodableError, decode_as
from pipeline.text.reading.found import Found, Job, Notes, fault_of, whole_text
from pipeline.text.reading.html import chapter_text, page_of, page_text
from pipeline.text.reading.rows import Bad, unpacked, whole_file_bad
from pipeline.text.reading.seekable import seekable
from pipeline.text.reading.sources import Part

_BLOCK = 1 << 20  # bytes
_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
_PACKAGE = "{http://www.idpf.org/2007/opf}"
_PAGES = ("application/xhtml+xml", "text/html")


class _TooLongError(Exception):
    """A member of an archive is longer than a document may be."""


def read_text(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """The file as it is."""
    yield from _whole(part, job, notes, lambda raw: decode_as(raw, job.source.encoding), str)


def read_html(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """The text of the page."""
    yield from _whole(part, job, notes, lambda raw: page_of(raw, None, job.source.encoding), page_text)


def read_epub(part: Part, job: Job, notes: Notes) -> Iterator[Found]:
    """The text of all pages of the book, in the order of its spine."""
    name, longest, own = part.file.name, job.bounds.longest, Notes()
    with seekable(part.file.address) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                raws = (_member(archive, member, longest) for member in _spine(archive, longest))
                pages = [whole_text(raw, lambda raw: page_of(raw, None, None), job, own) for raw in raws]
        except _TooLongError:
            yield _bad(file, name, "file_too_long")
        except UndecodableError as fault:
            yield _bad(file, name, str(fault))
        except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, NotImplementedError, RuntimeError, ValueError, EOFError, zlib.error):
            yield _bad(file, name, "damaged")  # no archive, a page that is not there, an unknown or a secret packing
        else:
            notes.encodings.update(own.encodings)
            notes.mended.update(own.mended)
            text = "\n\n".join(filter(None, map(chapter_text, pages)))
            yield (None, text, None) if text else _bad(file, name, "empty_text")


def _whole(
    part: Part, job: Job, notes: Notes, decoded: Callable[[bytes], tuple[str, str]], extracted: Callable[[str], str]
) -> Iterator[Found]:
    name, longest = part.file.name, job.bounds.longest
    with unpacked(part.file.address) as file:
        raw = file.read(longest + 1)
        if len(raw) > longest and not job.truncates:
            yield _too_long(file, name, raw)
            return
    try:
        if len(raw) > longest:
            raw = _cut(raw, longest)
            notes.mended["truncated"] += 1
        text = extracted(whole_text(raw, decoded, job, notes))
    except UndecodableError as fault:
        yield whole_file_bad(name, str(fault), raw)
        return
    reason = fault_of(text)
    yield (None, text, None) if reason is None else whole_file_bad(name, reason, raw)


def _cut(raw: bytes, longest: int) -> bytes:
    """As many bytes, less those of a UTF-8 character that is not whole."""
    end = longest
    while end > longest - 4 and raw[end] & 0xC0 == 0x80:
        end -= 1
    return raw[: end - end % 2 if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else end]


def _too_long(file: IO[bytes], name: str, raw: bytes) -> Bad:
    """The file with the digest of all of it, though only a part is held."""
    digest = hashlib.sha256(raw)
    while block := file.read(_BLOCK):
        digest.update(block)
    return Bad(file=name, line=None, offset=0, reason="file_too_long", sha256=digest.hexdigest())


def _bad(file: IO[bytes], name: str, reason: str) -> Bad:
    file.seek(0)
    return Bad(file=name, line=None, offset=0, reason=reason, sha256=hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]


def _spine(archive: zipfile.ZipFile, longest: int) -> list[str]:
    """The names of the pages, as EPUB 3.3 orders them: container.xml names the package, its spine the items of its manifest."""
    container = ElementTree.fromstring(_member(archive, "META-INF/container.xml", longest))
    root = next((place.attrib["full-path"] for place in container.iter(f"{_CONTAINER}rootfile")), "")
    package = ElementTree.fromstring(_member(archive, root, longest))
    items = {item.attrib["id"]: item.attrib for item in package.iter(f"{_PACKAGE}item")}
    chosen = [items[reference.attrib["idref"]] for reference in package.iter(f"{_PACKAGE}itemref")]
    folder = posixpath.dirname(root)
    return [
        posixpath.normpath(posixpath.join(folder, unquote(item["href"])))
        for item in chosen
        if item.get("media-type") in _PAGES and "nav" not in item.get("properties", "").split()
    ]


def _member(archive: zipfile.ZipFile, name: str, longest: int) -> bytes:
    with archive.open(name) as file:
        raw = file.read(longest + 1)
    if len(raw) > longest:
        raise _TooLongError(name)
    return raw
