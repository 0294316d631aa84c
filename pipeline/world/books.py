"""Books: title page, chapters, paragraphs, sentences, each with its bits.

All that a book says is drawn from known distributions, given the facts of the world:
chapters and paragraphs are uniform within bounds, a paragraph that has its least number of sentences goes
on with a fixed probability, its two people are uniform, its sentences come from the grammar.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import TypeVar

import numpy as np

from pipeline.world.facts import Facts
from pipeline.world.grammar import RULES, Kind, even, expand, kinds, ready

Option = TypeVar("Option")

BLOCK = 4096  # random numbers fetched at a time: one by one they cost ten times as much


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How long books are and what they are about."""

    chapters: tuple[int, int]  # least and most a book, uniform
    paragraphs: tuple[int, int]  # least and most a chapter, uniform
    sentences: int  # least a paragraph, the opening included
    go_on: float  # probability that a paragraph of that many or more goes on
    told: float  # share of the sentences that state a fact


@dataclass(frozen=True)
class Sentence:
    """A text and what it costs."""

    text: str
    bits: float
    fact: str  # the id of the fact that it states, or ""


@dataclass(frozen=True)
class Paragraph:
    """An opening that names two people, and sentences."""

    cast: tuple[str, str]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """The sentences in one line."""
        return " ".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True)
class Chapter:
    """A heading without its number, and paragraphs."""

    heading: Sentence
    paragraphs: tuple[Paragraph, ...]


@dataclass(frozen=True)
class Book:
    """A title, an author, chapters."""

    title: Sentence
    author: Sentence
    chapters: tuple[Chapter, ...]

    @property
    def paragraphs(self) -> list[str]:
        """Title, author and headings are paragraphs too."""
        pieces = [self.title.text, self.author.text]
        for number, chapter in enumerate(self.chapters, start=1):
            pieces.append(f"Chapter {number}. {chapter.heading.text}")
            pieces += [paragraph.text for paragraph in chapter.paragraphs]
        return pieces

    @property
    def stories(self) -> dict[int, Paragraph]:
        """What stands below the headings, by its place among the paragraphs."""
        found: dict[int, Paragraph] = {}
        place = 2
        for chapter in self.chapters:
            found |= dict(enumerate(chapter.paragraphs, start=place + 1))
            place += 1 + len(chapter.paragraphs)
        return found

    @property
    def text(self) -> str:
        """Paragraphs with one blank line between them."""
        return "\n\n".join(self.paragraphs)


class Writer:
    """Writes the books of one world and knows what each costs."""

    def __init__(self, facts: Facts, shape: Shape) -> None:
        self.facts, self.shape = facts, shape
        self.rules = ready({**RULES, "place": even(facts.places), "person": even(facts.people)})
        self.kinds: dict[str, Kind] = {kind.rule: kind for kind in kinds(shape.told)}
        self._kind = ready({"kind": [(kind.share, kind.rule) for kind in self.kinds.values()]})["kind"]
        self._value = {(fact.relation, fact.subject): fact for fact in facts.table}

    def book(self, draw: np.random.Generator) -> Book:
        """A book of its own for each generator."""
        dice = Dice(draw)
        chapters = dice.between(self.shape.chapters)
        title, author = self._line("title", dice, {}), self._line("author", dice, {})
        return Book(title, author, tuple(self._chapter(dice) for _ in range(chapters)))

    def bits(self, book: Book) -> list[float]:
        """-log2 P(text) given the facts, of every draw that led to it, paragraph by paragraph.

        The title bears the number of chapters, a heading the number of the paragraphs below it.
        """
        bits = [_uniform(self.shape.chapters) + book.title.bits, book.author.bits]
        for chapter in book.chapters:
            bits.append(_uniform(self.shape.paragraphs) + chapter.heading.bits)
            bits += [self._paragraph_bits(paragraph) for paragraph in chapter.paragraphs]
        return bits

    def paragraph(self, dice: "Dice") -> Paragraph:
        """One paragraph about two people."""
        people = self.facts.people
        first = dice.below(len(people))
        second = dice.below(len(people) - 1)
        cast = (people[first], people[second + (second >= first)])
        sentences = [self._line("opening", dice, {"A": cast[0], "B": cast[1]})]
        while len(sentences) < self.shape.sentences or dice() < self.shape.go_on:
            sentences.append(self.sentence(cast, dice))
        return Paragraph(cast, tuple(sentences))

    def sentence(self, cast: tuple[str, str], dice: "Dice") -> Sentence:
        """One sentence about a cast."""
        chosen: list[str] = []
        bits = expand(self._kind, {}, dice, chosen)
        kind = self.kinds[chosen[0]]
        names, cost = self._about(kind, cast, dice)
        fact = self._value.get((kind.rule, names.get("S" if kind.about == "turn" else "P", "")))
        if fact:
            names = {**names, "V": fact.value}
        out: list[str] = []
        bits += cost + expand(self.rules[kind.rule], names, dice, out)
        return Sentence("".join(out), bits, fact.id if fact else "")

    def _about(self, kind: Kind, cast: tuple[str, str], dice: "Dice") -> tuple[dict[str, str], float]:
        if kind.about == "turn":
            first = dice() < 0.5
            return ({"S": cast[0], "T": cast[1]} if first else {"S": cast[1], "T": cast[0]}), 1.0
        if kind.about == "place":
            return {"P": self.facts.places[dice.below(len(self.facts.places))]}, log2(len(self.facts.places))
        return {"A": cast[0], "B": cast[1]}, 0.0

    def _chapter(self, dice: "Dice") -> Chapter:
        paragraphs = dice.between(self.shape.paragraphs)
        heading = self._line("heading", dice, {})
        return Chapter(heading, tuple(self.paragraph(dice) for _ in range(paragraphs)))

    def _paragraph_bits(self, paragraph: Paragraph) -> float:
        people, go_on = len(self.facts.people), self.shape.go_on
        more = len(paragraph.sentences) - self.shape.sentences
        bits = log2(people) + log2(people - 1) - log2(1 - go_on) - log2(go_on) * more
        return bits + sum(sentence.bits for sentence in paragraph.sentences)

    def _line(self, rule: str, dice: "Dice", names: Mapping[str, str] = {}) -> Sentence:  # never written to
        out: list[str] = []
        bits = expand(self.rules[rule], names, dice, out)
        return Sentence("".join(out), bits, "")


class Dice:
    """Numbers in [0, 1) from a generator, fetched in blocks. Call it for the next."""

    def __init__(self, draw: np.random.Generator) -> None:
        def numbers() -> Iterator[float]:
            while True:
                yield from draw.random(BLOCK).tolist()

        self._next: Callable[[], float] = numbers().__next__

    def __call__(self) -> float:
        return self._next()

    def below(self, count: int) -> int:
        """A number of 0..count-1."""
        return int(self._next() * count)

    def between(self, bounds: tuple[int, int]) -> int:
        """A number of least..most."""
        return bounds[0] + self.below(bounds[1] - bounds[0] + 1)

    def one(self, options: Sequence[Option]) -> Option:
        """One of the options."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[Option]) -> list[Option]:
        """The options in another order."""
        keys = [self() for _ in options]
        return [options[row] for row in sorted(range(len(options)), key=keys.__getitem__)]


def _uniform(bounds: tuple[int, int]) -> float:
    return log2(bounds[1] - bounds[0] + 1)
