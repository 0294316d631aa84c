"""Exponents, indices, marks of notes, numbers of pages, quotations and ruby of HTML, written out in the text before it is flattened.

An exponent becomes ^ and an index _, which no one takes for digits of the base; a mark of a note and the number of a page go.
"""

import re
from typing import Any

from pipeline.text.reading.tree import after, become, before, has_class, is_block, text_of

_MARK = re.compile(r"[\[(]?\s*(?:(?:note|nota|n\.|fn\.?)\s*)?(?:\d{1,4}|[a-zA-Z]|[ivxlc]{1,6}|[*†‡§¶#]{1,4})\s*[\])]?", re.IGNORECASE)
_DIGITS_OR_SIGNS = re.compile(r"\d{1,4}|[*†‡§¶]{1,4}")
_BRACKETED = re.compile(r"\[[^\[\]]{1,40}\]")
_NOTE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:(?:foot|end)note-?(?:refs?|reference|mark|anchor|call|link|number)?|fn-?(?:ref|mark|anchor)?|fnanchor|footnoteref"
    r"|note-?(?:ref|mark|call|anchor))(?:$|[\s_-])",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"^reference$")  # of sup alone: other references are to sections and equations too
_NOTE_LINK = re.compile(r"#_?(?:fn|ftn|edn|foot|end|note|cite|n[-_.:]?\d)[\w.:-]*$", re.IGNORECASE)
_NOTE_ROLES = ("noteref", "doc-noteref")
_PAGE_ROLES = ("pagebreak", "doc-pagebreak")
_PAGE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:page-?_?(?:num(?:ber)?s?|no|break|mark)|pg-?num(?:ber)?|folio|pb|pagination)(?:$|[\s_-])", re.IGNORECASE
)
_PAGE = re.compile(r"[\[({|]?\s*(?:(?:pages?|pg?|p)\.?\s*)?(?:\d{1,5}|[ivxlcdm]{1,9})?\s*[\])}|]?", re.IGNORECASE)
_BACK = frozenset("↩↑⤴⏎↵")
_SUPER = re.compile(r"vertical-align\s*:\s*(super|sub)\b", re.IGNORECASE)
_SCRIPT_CLASS = {**dict.fromkeys(("sup", "super", "superscript"), "sup"), **dict.fromkeys(("sub", "subscript"), "sub")}
_ENDINGS = frozenset(  # of ordinals, as they stand after digits
    ("st", "nd", "rd", "th", "er", "ère", "ere", "re", "ème", "eme", "me", "nde", "ds", "ième", "ieme", "ste", "de")
)
_DEGREES = {"o": "º", "a": "ª", "°": "°", "º": "º", "ª": "ª"}
_ROMAN = re.compile(r"(?<!\w)[IVXLCDM]{2,}$")
_LONE = re.compile(r"(?<![^\W_])[^\W\d_]$")
_SIMPLE = re.compile(r"[+\-−–]?\d+|[^\W\d_]|[*†‡′″+\-−∗]")
_CLOSING = frozenset(".,;:!?\"”’»…'")
_QUOTES = frozenset("\"'“”‘’«»„‚‹›「」『』")


def write_out(tree: Any) -> None:
    """Write out what markup says and its text alone does not."""
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None:
            continue
        if _is_page_number(element):
            become(element, "")
        elif _is_note(element):
            become(element, "" if before(element).strip() else _apart(element))
        elif "#" in (element.get("href") or "") and _is_glued(element):  # of a note, a figure, a section
            become(element, " " + _apart(element))
    scripts = [element for element in tree.iter() if _script_kind(element)]
    for element in scripts:
        _write_fraction(element)
    for element in reversed(scripts):  # what is within comes first
        if _script_kind(element):  # no part of a fraction
            become(element, _script(element))
    for element in list(tree.iter("q")):
        _quote(element)
    for element in list(tree.iter("rt")):
        if not (element.getprevious() is not None and element.getprevious().tag == "rp"):
            become(element, f"({text_of(element)})" if text_of(element) else "")


def _is_page_number(element: Any) -> bool:
    """Whether this is the number of a page of the printed book, which may stand within a word."""
    stated = set(f"{element.get('epub:type') or ''} {element.get('role') or ''}".split()) & set(_PAGE_ROLES)
    if not stated and (element.tag not in ("span", "a", "small", "sup", "b", "i") or not has_class(element, _PAGE_CLASS)):
        return False
    return len(element) <= 3 and _PAGE.fullmatch(text_of(element)) is not None


def _is_note(element: Any) -> bool:
    """Whether this is the mark of a note, or the way back from it."""
    if element.tag not in ("a", "sup", "span"):
        return False
    text, link = text_of(element), element.get("href") or ""
    if element.tag == "a" and text and set(text) <= _BACK:
        return "#" in link
    if element.tag == "sup" and _BRACKETED.fullmatch(text):
        return True
    if not text or not _MARK.fullmatch(text):
        return False
    if set(f"{element.get('epub:type') or ''} {element.get('role') or ''}".split()) & set(_NOTE_ROLES) or has_class(element, _NOTE_CLASS):
        return True
    if element.tag == "sup":
        return has_class(element, _REFERENCE) or any(inner.get("href") for inner in element.iter("a"))
    return "#" in link and (element.find(".//sup") is not None or (_is_glued(element) and _NOTE_LINK.search(link) is not None))


def _is_glued(element: Any) -> bool:
    """Whether a number or a sign in a link stands directly after a word."""
    left = before(element)[-1:]
    return element.tag == "a" and _DIGITS_OR_SIGNS.fullmatch(text_of(element)) is not None and (left.isalnum() or left in tuple(_CLOSING))


def _script_kind(element: Any) -> str:
    """sup, sub or nothing."""
    if element.tag in ("sup", "sub"):
        return str(element.tag)
    if element.tag != "span":
        return ""
    if found := _SUPER.search(element.get("style") or ""):
        return {"super": "sup", "sub": "sub"}[found[1].lower()]
    return next((_SCRIPT_CLASS[name] for name in (element.get("class") or "").lower().split() if name in _SCRIPT_CLASS), "")


def _write_fraction(element: Any) -> None:
    """1/2, where it is written with an exponent and an index; after a whole number apart from it."""
    below = element.getnext()
    if below is None or _script_kind(element) != "sup" or _script_kind(below) != "sub" or (element.tail or "").strip() not in ("/", "⁄"):
        return
    top, bottom = text_of(element), text_of(below)
    if top.isdigit() and bottom.isdigit():
        element.tail = None
        become(below, f"/{bottom}")
        become(element, f"{' ' if before(element)[-1:].isalnum() else ''}{top}")


def _script(element: Any) -> str:
    """The text of an exponent or an index as it is written in a line."""
    kind, text, base, next_ = _script_kind(element), text_of(element), before(element), after(element)[:1]
    if not text:
        return ""
    if not base or base[-1].isspace():
        return _apart(element)
    if kind == "sup" and (joined := _joined_to(base, text, next_)) is not None:
        return joined
    simple = _SIMPLE.fullmatch(text) and not (next_.isalnum() and text[-1].isdigit() == next_.isdigit())
    return ("^" if kind == "sup" else "_") + (text if simple else f"{{{text}}}")


def _joined_to(base: str, text: str, next_: str) -> str | None:
    """How it is written if it is no exponent: the ending of an ordinal, an abbreviation, a degree, a trade mark, a note; else None."""
    last, lone = base[-1], _LONE.search(base)
    if text in ("TM", "™", "®", "©", "SM", "℠", "′", "″"):
        return text
    if last.isdigit() and text.lower() in _ENDINGS:
        return text
    if last.isdigit() and text in _DEGREES:
        return "°" if next_ in ("C", "F") and next_ else _DEGREES[text]
    if _ROMAN.search(base) and text.isalpha():
        return text
    if last.isalpha() and text.isalpha() and len(text) > 1 and not (lone and last.islower()):
        return text  # Mlle, Cie
    if (text.isdigit() and last in _CLOSING) or (set(text) <= set("*†‡§¶") and not lone):
        return ""
    return None


def _apart(element: Any) -> str:
    """The text, apart from what follows."""
    text, next_ = text_of(element), after(element)[:1]
    return text + (" " if text and next_.isalnum() else "")


def _quote(element: Any) -> None:
    """The marks of a quotation within a sentence, unless it has some already; then it is text like any other."""
    text = text_of(element)
    nested = sum(1 for above in element.iterancestors() if above.get("quoted")) % 2
    element.tag = "span"
    element.set("quoted", "1")
    if not text or (text[0] in _QUOTES and text[-1] in _QUOTES) or any(is_block(inner) for inner in element.iterdescendants()):
        return
    if not element.getparent().get("quoted") and set(before(element)[-1:]) & _QUOTES:
        return
    opening, closing = "‘’" if nested else "“”"
    element.text = opening + (element.text or "").lstrip()
    if len(element):
        element[-1].tail = (element[-1].tail or "").rstrip() + closing
    else:
        element.text = element.text.rstrip() + closing
