"""Text of HTML: the main content of web pages by trafilatura (Barbaresi 2021, ACL demo), everything in pages of books."""

import codecs
import re
from collections.abc import Sequence
from typing import Any

from pipeline.text.reading.encoding import UndecodableError, decode_as, is_ascii_superset, mostly_utf8
from pipeline.text.reading.formulas import write_formulas
from pipeline.text.reading.scripts import write_out
from pipeline.text.reading.tree import BLOCKS, text_of

_CHARSET = re.compile(rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD = 2048  # bytes in which a page declares its encoding
_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")
_WEB = frozenset({"p", "head", "item", "row", "code", "quote", "list", "table", "div", "body", "ab", "doc"})  # block tags of trafilatura
_INLINE = ("time", "output", "ruby", "rb", "rt", "rp", "rtc")  # trafilatura takes them for controls and drops their text
_REFUSED = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})  # Python's own, and an unsafe one
# encoding labels as browsers resolve them (WHATWG Encoding Standard, 4.2), in Python's nearest codecs; _LABELS are those unknown to Python
_RESOLVED = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_LABELS = {
    **dict.fromkeys(("x-gbk", "gb_2312", "csgb2312", "iso-ir-58", "chinese"), "gb18030"),
    **dict.fromkeys(("x-sjis", "ms_kanji", "ms932", "windows-31j", "csshiftjis"), "cp932"),
    **dict.fromkeys(
        ("ks_c_5601", "ks_c_5601-1987", "ks_c_5601-1989", "ksc_5601", "ksc5601", "cseuckr", "iso-ir-149", "windows-949"), "cp949"
    ),
    **dict.fromkeys(("x-x-big5", "cn-big5", "csbig5"), "big5hkscs"),
    **dict.fromkeys(("dos-874", "iso885911", "windows-874"), "cp874"),
    **{f"x-cp125{number}": f"cp125{number}" for number in range(9)},
    **{"x-euc-jp": "euc_jp", "koi": "koi8-r", "koi8-ru": "koi8-u", "x-mac-roman": "mac_roman", "x-mac-cyrillic": "mac_cyrillic"},
}
_HOLES = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}  # bytes undefined in cp1252 are controls
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MAIN = "boolean(//article | //main | //*[@role='main'])"
_MIXED = frozenset({"body", "div", "main", "quote"})  # in these, code without adjacent text is a block
# noncharacters that stand for the ends, newlines and spaces of code during extraction, which joins lines
_OPEN, _SHUT, *_KEPT = map(chr, range(0xFDD0, 0xFDD5))
_ASIDE = str.maketrans(dict(zip("\n\t ", _KEPT, strict=True)) | {"\xa0": _KEPT[2], "\r": None})
_BACK = str.maketrans(dict(zip(_KEPT, "\n\t ", strict=True)))
_GONE = str.maketrans(dict.fromkeys([_OPEN, _SHUT, *_KEPT]))
_CODE = re.compile(rf"\s*{_OPEN}([^{_OPEN}{_SHUT}]*){_SHUT}\s*")
_TICKS = re.compile(r"`+")
_RELATION = "//*[self::link or self::a or self::area][contains(concat(' ', normalize-space(@rel), ' '), ' {} ')]/@href"
_STATED = {  # where a page says what it is
    "author": "//meta[translate(@name, 'AUTHOR', 'author') = 'author']/@content",
    "license": _RELATION.format("license"),
    "canonical": _RELATION.format("canonical"),
    "published": "//meta[@property = 'article:published_time']/@content",
}
_SEVERAL = ("author", "license")  # what may be several at once
_UNSEEN = frozenset({"head", "script", "style", "nav", "template"})  # invisible tags in a page of a book


def web_page_text(page: str) -> str:
    """The main paragraphs and headings of a web page, separated by blank lines; "" if it has none."""
    import trafilatura  # half a second, only needed for pages

    if not page.strip():
        return ""
    tree = trafilatura.load_html(page)
    if tree is not None:
        _written_out(tree)
        _protect_code(tree)
        _mark_main(tree)
    found = tree if tree is None else trafilatura.bare_extraction(tree, include_comments=False, favor_recall=True, with_metadata=False)
    body = getattr(found, "body", None)
    if body is None:
        return ""
    for code in [code for code in body.iter("code") if not _is_block(code)]:
        code.tag = "hi"
    return _joined(_blocks(body, _WEB, frozenset()))


def web_page_columns(page: str, wanted: Sequence[str]) -> dict[str, Any]:
    """What a page says of itself, as far as it is wanted: author, license and canonical (HTML standard, 4.2.5.1 and 4.6.7; RFC 6596), and
    published (article:published_time of Open Graph)."""
    import lxml.html

    if not page.strip() or not _STATED.keys() & set(wanted):
        return {}
    try:
        tree = lxml.html.document_fromstring(_DECLARED.sub("", page))
    except lxml.etree.ParserError:  # no element: empty, or only a comment
        return {}
    found = {name: [str(value) for value in tree.xpath(path)] for name, path in _STATED.items() if name in wanted}
    return {name: values if name in _SEVERAL else next(iter(values), None) for name, values in found.items()}


def book_page_text(page: str) -> str:
    """All paragraphs and headings of a page of a book."""
    import lxml.html  # type: ignore[import-untyped]

    page = _DECLARED.sub("", page)
    try:
        tree = lxml.html.document_fromstring(page)
    except lxml.etree.ParserError:  # no element: empty, or only a comment
        return ""
    _written_out(tree)
    _protect_code(tree)
    return _joined(_blocks(tree, BLOCKS, _UNSEEN))


def decode_page(raw: bytes, charset: str | None, stated: str | None) -> tuple[str, str]:
    """The page and its encoding: the one declared in the page or in the HTTP header (`charset`), if it fits; else as for any text.

    If none fits and it is not UTF-8 either, the first declared one is used with errors; but a declared UTF-8 is ignored if the bytes do not
    look like it. Raises UndecodableError.
    """
    if raw.startswith(_MARKS):
        return decode_as(raw, stated)
    own = _CHARSET.search(raw[:_HEAD])
    names = [name for label in (own[1].decode("ascii", "replace") if own else None, charset) if label and (name := _resolve(label))]
    for name in [*names, *(["utf-8"] if names else [])]:
        try:
            return (raw.decode(name), name) if name != "cp1252" else (raw.decode("latin-1").translate(_HOLES), name)
        except UnicodeDecodeError:
            continue
    for name in names:
        if codecs.lookup(name).name != "utf-8" or mostly_utf8(raw):
            raise UndecodableError("undecodable", raw.decode(name, "replace"))
    return decode_as(raw, stated)


def _written_out(tree: Any) -> None:
    """Put into the text what its markup says; tags that part nothing go, those that libxml2 does not know to be empty first of all."""
    import lxml.etree

    lxml.etree.strip_tags(tree, "wbr", "nobr")
    write_formulas(tree)
    write_out(tree)
    lxml.etree.strip_tags(tree, *_INLINE)
    sizes: dict[Any, int] = {}
    for link in [link for link in tree.iter("a") if (link.get("href") or "").startswith("#") and _is_in_sentence(link, sizes)]:
        link.tag = "span"


def _is_in_sentence(link: Any, sizes: dict[Any, int]) -> bool:
    """Whether a link is a small part of a paragraph, so that it leads the reader and is no menu."""
    block = next((above for above in link.iterancestors() if above.tag in BLOCKS), None)
    if block is None or block.tag != "p":
        return False
    if block not in sizes:
        sizes[block] = len(text_of(block))
    return sizes[block] > 2 * len(text_of(link))


def _resolve(label: str) -> str | None:
    """The codec for a declared encoding; None if it is no web encoding."""
    name = label.strip().lower()
    name = _LABELS.get(name, name)
    try:
        known = codecs.lookup(name).name
    except (ValueError, LookupError):  # ValueError: a name with a NUL
        return None
    return None if known in _REFUSED or not is_ascii_superset(name, shift_sequences=True) else _RESOLVED.get(known, name)


def _mark_main(tree: Any) -> None:
    """Mark the body of a page without <article> or <main> as main: else trafilatura keeps only one run of paragraphs, without headings."""
    body = tree.find("body")
    if body is None or tree.xpath(_MAIN):
        return
    main = body.makeelement("main")
    main.text, body.text = body.text, None
    main.extend(list(body))
    body.append(main)


def _protect_code(tree: Any) -> None:
    """Encode the text of each <pre> as one word, so that its lines are not joined."""
    for block in list(tree.iter("pre")):
        text = _lines(block).translate(_GONE).translate(_ASIDE).strip(_KEPT[0])
        tail = block.tail
        block.clear()
        block.text, block.tail = f"{_OPEN}{text}{_SHUT}" if text.strip("".join(_KEPT)) else None, tail


def _lines(element: Any) -> str:
    """Preformatted text, whose lines may also be elements."""
    text = str(element.text or "")
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _UNSEEN:
            text += "\n" if child.tag == "br" else _lines(child)
            text += "\n" if child.tag in BLOCKS and not text.endswith("\n") else ""
        text += child.tail or ""
    return text


def _fenced(code: str) -> str:
    """Code in fences longer than any within it (CommonMark 0.31.2, 4.5)."""
    lines = (line.rstrip() for line in code.translate(_BACK).split("\n"))
    fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(code)), default=0))
    return "\n".join([fence, *lines, fence])


def _is_block(code: Any) -> bool:
    """Whether code is a block, not inline."""
    parent, before = code.getparent(), code.getprevious()
    text = parent.text if before is None else before.tail
    return parent.tag in _MIXED and not (text or "").strip() and not (code.tail or "").strip()


def _joined(blocks: list[str]) -> str:
    lines = ("\n".join(line.strip() for line in block.split("\n")).strip() for block in blocks)
    parts = _CODE.split("\n\n".join(block for block in lines if block))  # alternating prose and code
    texts = (_fenced(part) if turn % 2 else part.translate(_GONE) for turn, part in enumerate(parts))
    return "\n\n".join(text for text in texts if text)


def _blocks(element: Any, kinds: frozenset[str], unseen: frozenset[str]) -> list[str]:
    """The texts of the innermost blocks, in order."""
    blocks, text = [], _flow(element.text)
    for child in element:
        if child.tag in unseen or not isinstance(child.tag, str):
            text += _flow(child.tail)
        elif child.tag in kinds or any(inner.tag in kinds for inner in child.iterdescendants()):
            blocks += [text, *_blocks(child, kinds, unseen)]
            text = _flow(child.tail)
        else:
            text += _inline(child, unseen) + _flow(child.tail)
    return [*blocks, text]


def _inline(element: Any, unseen: frozenset[str]) -> str:
    if element.tag in ("lb", "br"):
        return "\n"
    if element.tag in unseen or not isinstance(element.tag, str):
        return ""
    text = "".join([_flow(element.text), *(_inline(child, unseen) + _flow(child.tail) for child in element)])
    return text + " " if element.tag == "cell" else text


def _flow(text: str | None) -> str:
    """Text with white space collapsed, as a browser shows it."""
    return re.sub(r"[ \t\r\n]+", " ", text or "")
