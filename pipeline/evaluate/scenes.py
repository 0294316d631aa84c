"""How does a passage go on? Four endings of each, made of any held-out text in HellaSwag's shape (Zellers et al. 2019, arXiv 1905.07830).

Four sentences of one source and of about one length, far from each other, make four scenes: each is the right ending of its own and a wrong
one of the three others. Who chooses by endings alone, by their length or by how common their words are, chooses the same one in all four
scenes and is right in exactly one: no adversarial filtering is needed (the balance of Winograd schemas; Levesque et al. 2012).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.core.artifact.split import Split
from pipeline.evaluate.held_out_text import Document, places_in
from pipeline.evaluate.passages import Passage, sentences

CHOICES = 4
_KNOWN = 200  # characters of the document before an ending, at least
_LONGER = 1.2  # bytes of the longest of four endings, as a multiple of those of the shortest, at most
Place = tuple[Document, Passage]


@dataclass(frozen=True)
class Scene:
    """What is read, and how it might go on."""

    id: str
    group: str  # the four scenes of the same endings
    source: str
    context: str  # without the blank that follows it
    begins: bool  # the document begins with it
    endings: tuple[str, ...]
    right: int  # of `endings`

    def row(self, number: int) -> dict[str, Any]:
        """As a line of HellaSwag's files."""
        return {
            "ind": number,
            "activity_label": self.source,
            "ctx_a": self.context,
            "ctx_b": "",
            "ctx": self.context,
            "endings": list(self.endings),
            "source_id": self.id,
            "split": "test",
            "split_type": "indomain",
            "label": self.right,
        }


def scenes(split: Split, *, count: int, characters: int, stream: Callable[[str], np.random.Generator]) -> list[Scene]:
    """Up to `count` scenes of the test part, whole fours, each of so many characters at most. `stream` gives random numbers by name."""
    found = places_in(split, endings_in, stream("documents"), count=count)
    fours = list(_fours(found, characters, stream("places")))
    chosen = stream("fours").permutation(len(fours))[: count // CHOICES]
    return [scene for number in chosen.tolist() for scene in _scenes(fours[number], characters)]


def endings_in(text: str) -> Iterator[Passage]:
    """Sentences that go on within a line."""
    return (one for one in sentences(text) if one.start >= _KNOWN and text[text.rfind("\n", 0, one.start) + 1 : one.start].strip())


def _fours(found: Sequence[Place], characters: int, rng: np.random.Generator) -> Iterator[list[Place]]:
    """Sentences in the order of their lengths, those of one length by lot; none stands twice, nor in the scene of another of its four."""
    by_source: dict[str, list[Place]] = {}
    for number in rng.permutation(len(found)).tolist():
        by_source.setdefault(found[number][0].source, []).append(found[number])
    for _, some in sorted(by_source.items()):
        four: list[Place] = []
        for place in sorted(some, key=_bytes):
            if four and _bytes(place) > _LONGER * _bytes(four[0]):
                four = []
            if all(_apart(place, other, characters) for other in four):
                four.append(place)
            if len(four) == CHOICES:
                yield four
                four = []


def _bytes(place: Place) -> int:
    return len(place[1].text.encode())


def _apart(one: Place, other: Place, characters: int) -> bool:
    (document, passage), (another, beside) = one, other
    far = document.id != another.id or abs(passage.start - beside.start) > characters + len(passage.text) + len(beside.text)
    return far and passage.text.casefold() != beside.text.casefold()


def _scenes(four: Sequence[Place], characters: int) -> Iterator[Scene]:
    names = [f"{document.id}:{passage.start}" for document, passage in four]
    endings = tuple(passage.text for _, passage in four)
    for number, (document, passage) in enumerate(four):
        start = max(0, passage.start - characters)
        context = document.text[start : passage.start].rstrip()
        if start and not document.text[start - 1].isspace():
            context = context.partition(" ")[2] or context  # without the rest of a word
        yield Scene(names[number], names[0], document.source, context, start == 0, endings, number)
