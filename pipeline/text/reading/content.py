"""What a file holds, whatever its name says."""

import re

from pipeline.text.reading.rows import open_raw

HEAD = 4096  # bytes by which a file is known
_PAGE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:\s+|<\?xml[^>]*\?>|<!--.*?-->)*+<(?:!doctype\s+html\b|html[\s>]|head[\s>]|body[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_OTHERS = (b"%PDF-", b"{\\rtf1", b"%!PS-Adobe")
_POINTERS = {b"version https://git-lfs.github.com/spec/": "git lfs pull", b"/annex/objects/": "git annex get ."}
_POINTER_BYTES = range(20, 1024)  # the specification of Git LFS allows no more


def is_page(raw: bytes) -> bool:
    """Whether text begins as an HTML page does."""
    return _PAGE.match(raw[:HEAD]) is not None


def is_another_format(raw: bytes) -> bool:
    """Whether bytes are a document with markup that needs a program of its own: PDF, RTF, PostScript."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].startswith(_OTHERS)


def is_wiki_dump(raw: bytes) -> bool:
    """Whether this is an export of MediaWiki, as Wikipedia offers for download."""
    return b"<mediawiki" in raw[:HEAD]


def pointer_command(address: str, size: int) -> str | None:
    """The command that brings the content of a file that only points to it; None for any other file."""
    if size not in _POINTER_BYTES:
        return None
    with open_raw(address) as file:
        raw = file.read(_POINTER_BYTES.stop)
    return next((command for begin, command in _POINTERS.items() if raw.startswith(begin)), None)
