"""The field's terms: what a number on the page means. glossary.yaml is the one source, of the page and of docs/glossary.md."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup

from pipeline.report.svg import element

_FILE = Path(__file__).with_name("glossary.yaml")
_APART = re.compile(r"[^\w%&|Δδ'+-]+|_+")  # between the words of a label
_KEY = re.compile(r"[\w./]{16,}")  # long enough to be broken
_BREAK = re.compile(r"(?<=[._/])(?!$)")
_BETTER = {"high": "Higher is better.", "low": "Lower is better.", "": ""}


@dataclass(frozen=True, kw_only=True)
class Term:
    """A term and the labels under which its numbers stand."""

    term: str
    text: str
    also: Sequence[str] = ()
    good: str = ""  # high, low or nothing
    source: str = ""  # where it was defined

    @property
    def anchor(self) -> str:
        """Its place on a page."""
        return "term-" + "-".join(_words(self.term))

    @property
    def better(self) -> str:
        """Which direction is better, as a sentence; nothing where none is."""
        return _BETTER[self.good]


@cache
def terms() -> tuple[Term, ...]:
    """All of them, by name."""
    found = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(sorted((Term(**one) for one in found), key=lambda term: term.term.casefold()))


@cache
def term_of(label: str) -> Term | None:
    """The term that explains a label, such as `KL, nats an answer` or `val.bits_per_byte`: one whose name it is, else the longest name in
    it. Of a dotted key the last part counts first."""
    known = _names()
    parts = label.split(".") if " " not in label else [label]
    for start in range(len(parts)):
        if found := known.get(tuple(_words(".".join(parts[start:])))):
            return found
    for part in (parts[-1], label):
        words = _words(part)
        for length in range(min(len(words), max(map(len, known))), 0, -1):
            for start in range(len(words) - length + 1):
                if found := known.get(tuple(words[start : start + length])):
                    return found
    return None


def explained(label: str) -> Markup:
    """The label as a link to what it means; the label alone where no term explains it. Markup is taken as it is."""
    if isinstance(label, Markup):
        return label
    term = term_of(label)
    return breakable(label) if term is None else element("a", breakable(label), class_="term", href=f"#{term.anchor}")


def breakable(label: str) -> Markup:
    """The label; a long key such as `dpo.against_reference.kl` may go on in the next line behind its signs."""
    return Markup("<wbr>").join(_BREAK.split(label) if _KEY.fullmatch(label) else [label])


def as_markdown() -> str:
    """docs/glossary.md."""
    source = "`make docs` writes this page from `pipeline/report/glossary.yaml`."
    lines = ["# Glossary", "", f"The {len(terms())} terms by which the report explains its numbers. {source}", ""]
    for term in terms():
        tail = " ".join(filter(None, [term.text, term.better, f"({term.source})" if term.source else ""]))
        lines.append(f'- <a id="{term.anchor}"></a>**{term.term}**: {tail}')
    return "\n".join(lines) + "\n"


@cache
def _names() -> Mapping[tuple[str, ...], Term]:
    names: dict[tuple[str, ...], Term] = {}
    for term in terms():
        for name in {term.term, *map(str, term.also)}:
            names.setdefault(tuple(_words(name)), term)
    return names


def _words(label: str) -> list[str]:
    return [word for word in _APART.split(label.casefold()) if word]
