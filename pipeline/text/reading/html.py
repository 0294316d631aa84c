"""The text of pages: on the web trafilatura tells what belongs to it (Barbaresi 2021, ACL demo), in a book everything does."""

import codecs
import re
from typing import Any

from pipeline.text.reading.encoding import UndecodableError, decode_as, holds_ascii, mostly_utf8

_CHARSET = re.compile(rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEAD = 2048  # bytes in which a page states its encoding
_DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")
_WEB = frozenset({"p", "head", "item", "row", "code", "quote", "list", "table", "div", "body", "ab", "doc"})  # as trafilatura names blocks
_BOOK = frozenset(  # as HTML does
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "ul"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_REFUSED = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})  # Python's own, and an unsafe one
# what pages mean by a name (WHATWG Encoding Standard, 4.2, in the nearest of Python's): by Python's name of it, and names that it lacks
_MEANT = {
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
_HOLES = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)}  # what cp1252 has not is a control
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MAIN = "boolean(//article | //main | //*[@role='main'])"
_MIXED = frozenset({"body", "div", "main", "quote"})  # in these, code that has no text beside it is a block
# code on its way through extraction, which joins lines: noncharacters, of use within a program alone, for its ends, newlines and spaces
_OPEN, _SHUT, *_KEPT = map(chr, range(0xFDD0, 0xFDD5))
_ASIDE = str.maketrans(dict(zip("\n\t ", _KEPT, strict=True)) | {"\xa0": _KEPT[2], "\r": None})
_BACK = str.maketrans(dict(zip(_KEPT, "\n\t ", strict=True)))
_GONE = str.maketrans(dict.fromkeys([_OPEN, _SHUT, *_KEPT]))
_CODE = re.compile(rf"\s*{_OPEN}([^{_OPEN}{_SHUT}]*){_SHUT}\s*")
_TICKS = re.compile(r"`+")
_UNSEEN = frozenset({"head", "script", "style", "nav", "template"})  # of a page of a book


def page_text(page: str) -> str:
    """The paragraphs and headings that are a web page's own, separated by blank lines; "" where it has none."""
    import trafilatura  # half a second, for those who read pages

    if not page.strip():
        return ""
    tree = trafilatura.load_html(page)
    if tree is not None:
        _set_code_aside(tree)
        _mark_main(tree)
    found = tree if tree is None else trafilatura.bare_extraction(tree, include_comments=False, favor_recall=True, with_metadata=False)
    body = getattr(found, "body", None)
    if body is None:
        return ""
    for code in [code for code in body.iter("code") if not _stands_alone(code)]:
        code.tag = "hi"
    return _joined(_blocks(body, _WEB, frozenset()))


def chapter_text(page: str) -> str:
    """All paragraphs and headings of a page of a book."""
    import lxml.html  # type: ignore[import-untyped]

    page = _DECLARED.sub("", page)
    try:
        tree = lxml.html.document_fromstring(page)
    except lxml.etree.ParserError:  # no element: nothing, or a comment
        return ""
    _set_code_aside(tree)
    return _joined(_blocks(tree, _BOOK, _UNSEEN))


def page_of(raw: bytes, charset: str | None, stated: str | None) -> tuple[str, str]:
    """The page and its encoding: the one that the page states, or its answer (`charset`), where one fits; else as for any text.

    Where none fits and the bytes are no UTF-8 either, they are in the first of them with faults; but what does not look like UTF-8 is not
    believed to be. Raises UndecodableError.
    """
    if raw.startswith(_MARKS):
        return decode_as(raw, stated)
    own = _CHARSET.search(raw[:_HEAD])
    names = [name for told in (own[1].decode("ascii", "replace") if own else None, charset) if told and (name := _meant(told))]
    for name in [*names, *(["utf-8"] if names else [])]:
        try:
            return (raw.decode(name), name) if name != "cp1252" else (raw.decode("latin-1").translate(_HOLES), name)
        except UnicodeDecodeError:
            continue
    for name in names:
        if codecs.lookup(name).name != "utf-8" or mostly_utf8(raw):
            raise UndecodableError("undecodable", raw.decode(name, "replace"))
    return decode_as(raw, stated)


def _meant(told: str) -> str | None:
    """The encoding that a page means by a name, None where that is none of the web."""
    name = told.strip().lower()
    name = _LABELS.get(name, name)
    try:
        known = codecs.lookup(name).name
    except (ValueError, LookupError):  # ValueError: a name with a NUL
        return None
    return None if known in _REFUSED or not holds_ascii(name, shifts=True) else _MEANT.get(known, name)


def _mark_main(tree: Any) -> None:
    """Of a page that does not say where its text stands, the body does: else trafilatura keeps one run of paragraphs, without headings."""
    body = tree.find("body")
    if body is None or tree.xpath(_MAIN):
        return
    main = body.makeelement("main")
    main.text, body.text = body.text, None
    main.extend(list(body))
    body.append(main)


def _set_code_aside(tree: Any) -> None:
    """The text of each <pre> as one word, within which no line is joined to the next."""
    for block in list(tree.iter("pre")):
        text = _lines(block).translate(_GONE).translate(_ASIDE).strip(_KEPT[0])
        tail = block.tail
        block.clear()
        block.text, block.tail = f"{_OPEN}{text}{_SHUT}" if text.strip("".join(_KEPT)) else None, tail


def _lines(element: Any) -> str:
    """Preformatted text, in which a line may also be an element."""
    text = str(element.text or "")
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _UNSEEN:
            text += "\n" if child.tag == "br" else _lines(child)
            text += "\n" if child.tag in _BOOK and not text.endswith("\n") else ""
        text += child.tail or ""
    return text


def _fenced(code: str) -> str:
    """Code between fences that are longer than any within it (CommonMark 0.31.2, 4.5)."""
    lines = (line.rstrip() for line in code.translate(_BACK).split("\n"))
    fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(code)), default=0))
    return "\n".join([fence, *lines, fence])


def _stands_alone(code: Any) -> bool:
    """Whether code is a block of its own, not a word among others."""
    parent, before = code.getparent(), code.getprevious()
    text = parent.text if before is None else before.tail
    return parent.tag in _MIXED and not (text or "").strip() and not (code.tail or "").strip()


def _joined(blocks: list[str]) -> str:
    lines = ("\n".join(line.strip() for line in block.split("\n")).strip() for block in blocks)
    parts = _CODE.split("\n\n".join(block for block in lines if block))  # prose and code by turns
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
    """Text in which white space is one space, as a browser shows it."""
    return re.sub(r"[ \t\r\n]+", " ", text or "")
