"""The text of pages: on the web trafilatura tells what belongs to it (Barbaresi 2021, ACL demo), in a book everything does."""

import codecs
import re
from typing import Any

from pipeline.text.reading.encoding import decode

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
_MAIN = "boolean(//article | //main | //*[@role='main'])"
_UNSEEN = frozenset({"head", "script", "style", "nav", "template"})  # of a page of a book


def page_text(page: str) -> str:
    """The paragraphs and headings that are a web page's own, separated by blank lines; "" where it has none."""
    import trafilatura  # half a second, for those who read pages

    if not page.strip():
        return ""
    tree = trafilatura.load_html(page)
    if tree is not None:
        _mark_main(tree)
    found = tree if tree is None else trafilatura.bare_extraction(tree, include_comments=False, favor_recall=True, with_metadata=False)
    body = getattr(found, "body", None)
    return "" if body is None else _joined(_blocks(body, _WEB, frozenset()))


def chapter_text(page: str) -> str:
    """All paragraphs and headings of a page of a book."""
    import lxml.html  # type: ignore[import-untyped]

    page = _DECLARED.sub("", page)
    try:
        tree = lxml.html.document_fromstring(page)
    except lxml.etree.ParserError:  # no element: nothing, or a comment
        return ""
    return _joined(_blocks(tree, _BOOK, _UNSEEN))


def page_of(raw: bytes, charset: str | None) -> tuple[str, str]:
    """The page and its encoding: what its bytes or the page state, where that fits, else as for any text. Raises UndecodableError."""
    stated = _CHARSET.search(raw[:_HEAD])
    for name in (stated[1].decode("ascii", "replace") if stated else None, charset):
        try:
            if name and not name.lower().startswith("utf-16") and codecs.lookup(name).name not in _REFUSED:
                return raw.decode(name), name.lower()
        except (ValueError, LookupError):  # a UnicodeError is a ValueError, as is what a name with a NUL raises
            continue
    return decode(raw)


def _mark_main(tree: Any) -> None:
    """Of a page that does not say where its text stands, the body does: else trafilatura keeps one run of paragraphs, without headings."""
    body = tree.find("body")
    if body is None or tree.xpath(_MAIN):
        return
    main = body.makeelement("main")
    main.text, body.text = body.text, None
    main.extend(list(body))
    body.append(main)


def _joined(blocks: list[str]) -> str:
    lines = ("\n".join(line.strip() for line in block.split("\n")).strip() for block in blocks)
    return "\n\n".join(block for block in lines if block)


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
