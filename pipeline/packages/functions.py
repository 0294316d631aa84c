"""What can be asked about a function: its first sentence, its signature, its parameters, its package."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.packages.settings import Lengths

_SENTENCE = re.compile(r"[A-Z][^.`:;|<>*{}\\]*[^.`:;|<>*{}\\\s]\.(?=\s|$)")  # words without markup, up to the first full stop
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_STEM = 4  # letters by which two words are taken for one: parse and parser


@dataclass(frozen=True)
class Function:
    """A function that can be asked about."""

    package: str
    group: str  # of its documents
    name: str  # with its module
    signature: str  # without it
    parameters: tuple[str, ...]
    sentence: str

    @property
    def short(self) -> str:
        """The name alone."""
        return self.name.rpartition(".")[2]

    @property
    def purpose(self) -> str:
        """What it does, as an answer: a line of an index, so that whose sentence it is can be seen."""
        return f"{self.short}: {self.sentence}"

    @property
    def whole(self) -> str:
        """The name with its module, and the parameters."""
        return f"{self.name}({', '.join(self.parameters)})"

    @property
    def call(self) -> str:
        """The signature without types and defaults: norm(x, ord)."""
        return f"{self.short}({', '.join(self.parameters)})"

    @property
    def listed(self) -> str:
        """What it takes, as in the call, so that the words are the same tokens."""
        return listed(self.parameters)

    @property
    def takes(self) -> str:
        """The same as an answer."""
        return takes(self.parameters)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The beginnings of the words that its name is made of."""
        return stems(self.name.replace("_", " "))

    @cached_property
    def said(self) -> frozenset[str]:
        """The same of its sentence."""
        return stems(self.sentence)

    @property
    def origin(self) -> str:
        """Where it is from, as an answer."""
        return f"It is of {self.package}."

    @property
    def keys(self) -> set[str]:
        """What no function may share with one that is held out."""
        return {self.short, self.sentence.casefold()}


def listed(parameters: Sequence[str]) -> str:
    """(x, ord)."""
    return f"({', '.join(parameters)})."


def takes(parameters: Sequence[str]) -> str:
    """It takes (x, ord)."""
    return f"It takes {listed(parameters)}"


def stems(text: str) -> frozenset[str]:
    """The beginnings of the longer words of a text or a name."""
    return frozenset(word.casefold()[:_STEM] for word in _WORD.findall(text) if len(word) >= _STEM)


def first_sentence(docstring: str) -> str | None:
    """The first sentence of a docstring, in one line; None where it has markup, no end, or is no sentence."""
    found = _SENTENCE.match(" ".join(docstring.split("\n\n")[0].split()))
    sentence = found.group() if found else ""
    return sentence if sentence.isascii() and " " in sentence and sentence.count("(") == sentence.count(")") else None


def functions_in(rows: Iterable[Mapping[str, Any]], lengths: Lengths) -> list[Function]:
    """Those with a name and a first sentence that are neither too short nor too long; of equal sentences in a package the first."""
    found: dict[tuple[str, str], Function] = {}
    for row in rows:
        sentence = first_sentence(row["docstring"])
        if sentence and len(sentence) >= lengths.sentence and len(row["name"]) <= lengths.name:
            one = Function(row["package"], row["group"], row["name"], row["signature"], tuple(row["parameters"]), sentence)
            if len(one.purpose) <= lengths.answer:
                found.setdefault((one.package, sentence), one)
    return list(found.values())


def apart(functions: Sequence[Function], held_out: Callable[[str], bool]) -> tuple[list[Function], list[Function]]:
    """Those of groups that are trained on, and of those that are held out; none of the first shares its short name or its sentence
    with one of the second."""
    held = [one for one in functions if held_out(one.group)]
    taken = {key for one in held for key in one.keys}
    return [one for one in functions if not held_out(one.group) and taken.isdisjoint(one.keys)], held
