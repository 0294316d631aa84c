"""Formulas of HTML, written once and in a line: the TeX that a page brings along, else what its MathML says."""

import re
from itertools import islice
from typing import Any

from pipeline.text.reading.tree import BLOCKS, become, local, text_of

_DISPLAY = re.compile(r"^\{?\\(?:displaystyle|textstyle)\s*(.*?)\s*\}?$", re.DOTALL)
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064"))
_SPACED = frozenset("=<>≤≥≠≈≡→←↔⇒⇔∈∉⊂⊆∼≃∝+−±×·")
_RENDERED = ("katex-html", "MathJax", "MathJax_Preview", "MathJax_Display", "MathJax_CHTML", "MathJax_SVG", "MathJax_SVG_Display")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_NEAR = 3  # elements on each side in which the same formula may stand
_FENCES = {"open": "(", "close": ")", "separators": ","}


def write_formulas(tree: Any) -> None:
    """Put each formula into its line as text; what shows the same a second time goes."""
    for element in list(tree.iter("span", "div", "img", "script")):
        names = (element.get("class") or "").split()
        if element.tag == "script" and (element.get("type") or "").startswith("math/tex"):
            become(element, _tex(element.text or ""))
        elif any(name in _RENDERED for name in names) and _said_elsewhere(element):
            become(element, "")
        elif (
            element.tag == "img"
            and element.get("alt")
            and any(name in ("tex", "latex", "math") or "math-fallback" in name for name in names)
        ):
            left = element.getprevious()
            near = [*_above(element, 2), *([] if left is None or left.tail else [left])]
            said = any(local(other) == "math" for one in near for other in one.iter())
            become(element, "" if said else _tex(element.get("alt")))
    for element in [element for element in tree.iter() if local(element) == "math"]:
        for above in _above(element, 3):
            if _HIDDEN.search(above.get("style") or ""):
                del above.attrib["style"]
        text, parent = _formula(element), element.getparent()
        if parent is None:
            continue
        if parent.tag in BLOCKS - {"p", "li", "td", "th", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "caption", "figcaption"}:
            tail = element.tail
            element.clear()
            element.tag, element.text, element.tail = "p", text, tail
        else:
            become(element, text)


def _above(element: Any, levels: int) -> list[Any]:
    found: list[Any] = []
    for above in element.iterancestors():
        if len(found) == levels or above.tag in BLOCKS:
            break
        found.append(above)
    return found


def _said_elsewhere(element: Any) -> bool:
    """Whether a neighbour holds the formula that this shows, or this holds it itself."""
    if any(local(other) == "math" for other in element.iterdescendants()):
        return False
    others = [*islice(element.itersiblings(), _NEAR), *islice(element.itersiblings(preceding=True), _NEAR)]
    return any(
        local(other) in ("math", "script") or any(local(inner) in ("math", "script") for inner in other.iterdescendants())
        for other in others
    )


def _formula(math: Any) -> str:
    """Its TeX, else its elements in a line."""
    notes = [note for note in math.iter() if local(note) == "annotation" and "tex" in (note.get("encoding") or "").lower()]
    tex = text_of(notes[0]) if notes else (math.get("alttext") or "").strip()
    return _tex(tex) if tex else " ".join(_line(math).split())


def _tex(tex: str) -> str:
    """TeX between dollars; without commands it is plain text."""
    tex = " ".join((_DISPLAY.sub(r"\1", tex.strip().strip("$"))).split())
    return f"${tex}$" if "\\" in tex else tex


def _line(element: Any) -> str:
    """What an element of MathML (MathML 3, 3.1) says, in a line."""
    kind = local(element)
    children = [child for child in element if local(child) not in ("", "annotation", "annotation-xml", "mphantom")]
    parts = [_line(child) for child in children]
    if kind in ("mi", "mn", "mtext", "ms", "mo"):
        text = "".join(element.itertext()).strip().translate(_INVISIBLE)
        return f" {text} " if kind == "mo" and text in _SPACED else text
    if kind == "mspace":
        return " "
    if kind in _SCRIPTS and len(parts) == 1 + len(_SCRIPTS[kind]):
        return _enclosed(parts[0]) + "".join(sign + _braced(part) for sign, part in zip(_SCRIPTS[kind], parts[1:], strict=True))
    if kind == "mfrac" and len(parts) == 2:
        return f"{_enclosed(parts[0])}/{_enclosed(parts[1])}"
    if kind == "msqrt":
        return f"sqrt({''.join(parts)})"
    if kind == "mroot" and len(parts) == 2:
        return f"root({parts[1]}, {parts[0]})"
    if kind == "mfenced":
        opening, closing, between = (str(element.get(key, usual)) for key, usual in _FENCES.items())
        return opening + (between.strip()[:1] + " ").join(parts) + closing
    if kind == "mtable":
        return "; ".join(parts)
    if kind in ("mtr", "mlabeledtr"):
        return ", ".join(parts)
    return "".join(parts)


_SCRIPTS = {"msup": "^", "msub": "_", "msubsup": "_^", "mover": "^", "munder": "_", "munderover": "_^"}


def _braced(part: str) -> str:
    return part if len(part) == 1 or part.isdigit() else f"{{{part.strip()}}}"


def _enclosed(part: str) -> str:
    return part if len(part) <= 1 or part.isalnum() or (part[0] == "(" and part[-1] == ")") else f"({part.strip()})"
