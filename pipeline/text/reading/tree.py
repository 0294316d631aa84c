"""Trees of HTML: what stands before and after an element in its line, and elements made text."""

import re
from collections.abc import Iterator
from typing import Any

BLOCKS = frozenset(  # block tags of HTML
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "div", "dl", "dt", "figcaption", "figure", "footer"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "ul"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_NEAR = 64  # characters
_SPACE = re.compile(r"[ \t\r\n]+")


def local(element: Any) -> str:
    """The tag without its namespace; "" for a comment."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""


def is_block(element: Any) -> bool:
    """Whether an element begins and ends a line."""
    return local(element) in BLOCKS or local(element) == "br"


def has_class(element: Any, pattern: "re.Pattern[str]") -> bool:
    """Whether a class of the element fits."""
    return any(pattern.search(name) for name in (element.get("class") or "").split())


def text_of(element: Any) -> str:
    """All its text, with white space collapsed."""
    return _SPACE.sub(" ", "".join(_texts(element))).strip()


def before(element: Any) -> str:
    """The end of the text that stands directly before an element in its line; "" at the beginning."""
    while True:
        left = element.getprevious()
        while left is not None:
            if left.tail:
                return str(left.tail)[-_NEAR:]
            if is_block(left):
                return ""
            if text := "".join(_texts(left)):
                return text[-_NEAR:]
            left = left.getprevious()
        above = element.getparent()
        if above is None:
            return ""
        if above.text:
            return str(above.text)[-_NEAR:]
        if is_block(above):
            return ""
        element = above


def after(element: Any) -> str:
    """The beginning of the text that stands directly after an element in its line; "" at the end."""
    while True:
        if element.tail:
            return str(element.tail)[:_NEAR]
        right = element.getnext()
        while right is not None:
            if is_block(right):
                return ""
            if text := next(filter(None, _texts(right)), "") or right.tail:
                return str(text)[:_NEAR]
            right = right.getnext()
        element = element.getparent()
        if element is None or is_block(element):
            return ""


def become(element: Any, text: str) -> None:
    """Make an element text in its line, alike for what stands around it: joining the strings would cost a square of their length."""
    tail = element.tail
    element.clear()
    element.tag, element.text, element.tail = "span", text, tail


def _texts(element: Any) -> Iterator[str]:
    return map(str, element.itertext()) if isinstance(element.tag, str) else iter(())
