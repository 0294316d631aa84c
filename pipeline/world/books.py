"""Books: title page, chapters, paragraphs, sentences, each with its information content in bits.

Everything is sampled from known distributions, given the facts of the world: the numbers of chapters and paragraphs are uniform, a
paragraph with the minimum number of sentences continues with a fixed probability, its two people are uniform, its sentences come from the
grammar.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import TypeVar

import numpy as np

from pipeline.world.facts import Facts
from pipeline.world.grammar import RULES, SentenceKind, compile_rules, expand, sentence_kinds, uniform

Option = TypeVar("Option")

BLOCK = 4096  # random numbers fetched at a time: one by one they take ten times as long


@dataclass(frozen=True, kw_only=True)
class BookShape:
    """How long books are and what they are about."""

    chapters: tuple[int, int]  # minimum and maximum per book, uniform
    paragraphs: tuple[int, int]  # minimum and maximum per chapter, uniform
    min_sentences: int  # per paragraph, the opening included
    continue_probability: float  # of one more sentence, from min_sentences on
    fact_share: float  # share of the sentences that state a fact


@dataclass(frozen=True)
class Sentence:
    """A text and its bits."""

    text: str
    bits: float
    fact: str  # id of the fact that it states, or ""


@dataclass(frozen=True)
class Paragraph:
    """An opening that names two people, and further sentences."""

    cast: tuple[str, str]
    sentences: tuple[Sentence, ...]

    @property
    def text(self) -> str:
        """The sentences on one line."""
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
        """All paragraphs, including title, author and headings."""
        pieces = [self.title.text, self.author.text]
        for number, chapter in enumerate(self.chapters, start=1):
            pieces.append(f"Chapter {number}. {chapter.heading.text}")
            pieces += [paragraph.text for paragraph in chapter.paragraphs]
        return pieces

    @property
    def stories(self) -> dict[int, Paragraph]:
        """The paragraphs below the headings, by position among all paragraphs."""
        found: dict[int, Paragraph] = {}
        place = 2
        for chapter in self.chapters:
            found |= dict(enumerate(chapter.paragraphs, start=place + 1))
            place += 1 + len(chapter.paragraphs)
        return found

    @property
    def text(self) -> str:
        """Paragraphs separated by one blank line."""
        return "\n\n".join(self.paragraphs)


class Writer:
    """Writes the books of one world and computes their bits."""

    def __init__(self, facts: Facts, shape: BookShape) -> None:
        self.facts, self.shape = facts, shape
        self.rules = compile_rules({**RULES, "place": uniform(facts.places), "person": uniform(facts.people)})
        self.kinds: dict[str, SentenceKind] = {kind.rule: kind for kind in sentence_kinds(shape.fact_share)}
        self._kind = compile_rules({"kind": [(kind.share, kind.rule) for kind in self.kinds.values()]})["kind"]
        self._value = {(fact.relation, fact.subject): fact for fact in facts.table}

    def book(self, generator: np.random.Generator) -> Book:
        """A random book."""
        rng = Rng(generator)
        chapters = rng.between(self.shape.chapters)
        title, author = self._line("title", rng, {}), self._line("author", rng, {})
        return Book(title, author, tuple(self._chapter(rng) for _ in range(chapters)))

    def bits(self, book: Book) -> list[float]:
        """-log2 P(text) given the facts, by paragraph.

        The number of chapters counts towards the title, the number of paragraphs of a chapter towards its heading.
        """
        bits = [_uniform(self.shape.chapters) + book.title.bits, book.author.bits]
        for chapter in book.chapters:
            bits.append(_uniform(self.shape.paragraphs) + chapter.heading.bits)
            bits += [self.paragraph_bits(paragraph) for paragraph in chapter.paragraphs]
        return bits

    def paragraph_bits(self, paragraph: Paragraph) -> float:
        """-log2 P of its text given the facts."""
        people, more_probability = len(self.facts.people), self.shape.continue_probability
        more = len(paragraph.sentences) - self.shape.min_sentences
        bits = log2(people) + log2(people - 1) - log2(1 - more_probability) - log2(more_probability) * more
        return bits + sum(sentence.bits for sentence in paragraph.sentences)

    def paragraph(self, rng: "Rng") -> Paragraph:
        """One paragraph about two people."""
        people = self.facts.people
        first = rng.below(len(people))
        second = rng.below(len(people) - 1)
        cast = (people[first], people[second + (second >= first)])
        sentences = [self._line("opening", rng, {"A": cast[0], "B": cast[1]})]
        while len(sentences) < self.shape.min_sentences or rng() < self.shape.continue_probability:
            sentences.append(self.sentence(cast, rng))
        return Paragraph(cast, tuple(sentences))

    def sentence(self, cast: tuple[str, str], rng: "Rng") -> Sentence:
        """One sentence about a cast."""
        chosen: list[str] = []
        bits = expand(self._kind, {}, rng, chosen)
        kind = self.kinds[chosen[0]]
        names, cost = self._about(kind, cast, rng)
        fact = self._value.get((kind.rule, names.get("S" if kind.about == "turn" else "P", "")))
        if fact:
            names = {**names, "V": fact.value}
        out: list[str] = []
        bits += cost + expand(self.rules[kind.rule], names, rng, out)
        return Sentence("".join(out), bits, fact.id if fact else "")

    def _about(self, kind: SentenceKind, cast: tuple[str, str], rng: "Rng") -> tuple[dict[str, str], float]:
        if kind.about == "turn":
            first = rng() < 0.5
            return ({"S": cast[0], "T": cast[1]} if first else {"S": cast[1], "T": cast[0]}), 1.0
        if kind.about == "place":
            return {"P": self.facts.places[rng.below(len(self.facts.places))]}, log2(len(self.facts.places))
        return {"A": cast[0], "B": cast[1]}, 0.0

    def _chapter(self, rng: "Rng") -> Chapter:
        paragraphs = rng.between(self.shape.paragraphs)
        heading = self._line("heading", rng, {})
        return Chapter(heading, tuple(self.paragraph(rng) for _ in range(paragraphs)))

    def _line(self, rule: str, rng: "Rng", names: Mapping[str, str] = {}) -> Sentence:  # never written to
        out: list[str] = []
        bits = expand(self.rules[rule], names, rng, out)
        return Sentence("".join(out), bits, "")


class Rng:
    """Random numbers in [0, 1), fetched in blocks. Call it for the next."""

    def __init__(self, generator: np.random.Generator) -> None:
        def numbers() -> Iterator[float]:
            while True:
                yield from generator.random(BLOCK).tolist()

        self._next: Callable[[], float] = numbers().__next__

    def __call__(self) -> float:
        return self._next()

    def below(self, count: int) -> int:
        """An integer in 0..count-1."""
        return int(self._next() * count)

    def between(self, bounds: tuple[int, int]) -> int:
        """An integer in bounds, inclusive."""
        return bounds[0] + self.below(bounds[1] - bounds[0] + 1)

    def choice(self, options: Sequence[Option]) -> Option:
        """One of the options."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[Option]) -> list[Option]:
        """The options in another order."""
        keys = [self() for _ in options]
        return [options[row] for row in sorted(range(len(options)), key=keys.__getitem__)]


def _uniform(bounds: tuple[int, int]) -> float:
    return log2(bounds[1] - bounds[0] + 1)
