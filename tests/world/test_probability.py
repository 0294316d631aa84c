"""The bits of a book are exact: an independent parser finds one derivation of its text, with the same probability.

The parser knows the rules and their weights, the facts and the laws of length. It shares no code with the writer.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping

import pytest

from pipeline.core.seed import stream
from pipeline.world.books import Book, BookShape, Writer
from pipeline.world.editions import edition
from pipeline.world.facts import RELATIONS, Facts, draw_facts
from pipeline.world.grammar import RULES, sentence_kinds

Found = dict[int, tuple[int, float]]  # where a derivation ends: how many there are, and their probability
SHAPE = BookShape(chapters=(2, 3), paragraphs=(8, 12), min_sentences=3, continue_probability=0.75, fact_share=0.58)


def added(into: Found, end: int, number: int, chance: float) -> None:
    before = into.get(end, (0, 0.0))
    into[end] = (before[0] + number, before[1] + chance)


class Parser:
    """Sums over all derivations of a text (the inside algorithm)."""

    def __init__(self, facts: Facts, shape: BookShape) -> None:
        self.facts, self.shape = facts, shape
        self.rules = {**RULES, "place": [(1, place) for place in facts.places], "person": [(1, person) for person in facts.people]}
        self.values = {(fact.relation, fact.subject): fact.value for fact in facts.table}
        self.memo: dict[object, Found] = {}

    def rule(self, rule: str, text: str, start: int, names: Mapping[str, str]) -> Found:
        key = (rule, text, start, tuple(sorted(names.items())))
        if key not in self.memo:
            found: Found = {}
            whole = math.fsum(weight for weight, _ in self.rules[rule])
            for weight, template in self.rules[rule]:
                for end, (number, chance) in self.template(template, text, start, names).items():
                    added(found, end, number, chance * weight / whole)
            self.memo[key] = found
        return self.memo[key]

    def template(self, template: str, text: str, start: int, names: Mapping[str, str]) -> Found:
        ends: Found = {start: (1, 1.0)}
        for literal, name in re.findall(r"([^{}]+)|\{(\w+)\}", template):
            after: Found = {}
            for position, (number, chance) in ends.items():
                word = literal or names.get(name)
                if word:
                    if text.startswith(word, position):
                        added(after, position + len(word), number, chance)
                elif name in self.rules:
                    for end, (count, part) in self.rule(name, text, position, names).items():
                        added(after, end, number * count, chance * part)
            ends = after
            if not ends:
                break
        return ends

    def sentence(self, text: str, start: int, cast: tuple[str, str]) -> Found:
        found: Found = {}
        relations = {relation.name for relation in RELATIONS}
        for kind in sentence_kinds(self.shape.fact_share):
            worlds: list[dict[str, str]] = [{"A": cast[0], "B": cast[1]}]
            if kind.about == "turn":
                worlds = [{"S": cast[0], "T": cast[1]}, {"S": cast[1], "T": cast[0]}]
            elif kind.about == "place":
                worlds = [{"P": place} for place in self.facts.places]
            for names in worlds:
                told = {"V": self.values[kind.rule, names.get("S", names.get("P", ""))]} if kind.rule in relations else {}
                for end, (number, chance) in self.rule(kind.rule, text, start, {**names, **told}).items():
                    added(found, end, number, chance * kind.share / len(worlds))
        return found

    def paragraph(self, text: str) -> tuple[int, float]:
        people = [person for person in self.facts.people if re.search(rf"\b{person}\b", text)]
        number, chance = 0, 0.0
        for first in people:
            for second in people:
                if first != second:
                    count, part = self.chain(text, (first, second))
                    number, chance = number + count, chance + part
        pairs = len(self.facts.people) * (len(self.facts.people) - 1)
        return number, chance / pairs

    def chain(self, text: str, cast: tuple[str, str]) -> tuple[int, float]:
        states: dict[int, Found] = defaultdict(dict)  # sentences so far -> where they end
        states[1] = dict(self.rule("opening", text, 0, {"A": cast[0], "B": cast[1]}))
        number, chance, told = 0, 0.0, 1
        while states[told]:
            free = told >= self.shape.min_sentences
            count, part = states[told].get(len(text), (0, 0.0))
            if free:
                number, chance = number + count, chance + part * (1 - self.shape.continue_probability)
            for position, (count, part) in states[told].items():
                if text.startswith(" ", position):
                    for end, (ways, share) in self.sentence(text, position + 1, cast).items():
                        added(states[told + 1], end, count * ways, part * share * (self.shape.continue_probability if free else 1.0))
            told += 1
        return number, chance

    def line(self, rule: str, text: str) -> tuple[int, float]:
        return self.rule(rule, text, 0, {}).get(len(text), (0, 0.0))

    def book(self, text: str) -> tuple[int, float]:
        """The number of derivations and the bits of the text."""
        title, author, *rest = text.split("\n\n")
        parts = [self.line("title", title), self.line("author", author)]
        sizes: list[int] = []
        for piece in rest:
            if heading := re.fullmatch(r"Chapter (\d+)\. (.*)", piece):
                sizes.append(0)
                assert int(heading[1]) == len(sizes)
                parts.append(self.line("heading", heading[2]))
            else:
                sizes[-1] += 1
                parts.append(self.paragraph(piece))
        assert all(self.shape.paragraphs[0] <= size <= self.shape.paragraphs[1] for size in sizes)
        lengths = math.log2(self.shape.chapters[1] - self.shape.chapters[0] + 1)
        lengths += len(sizes) * math.log2(self.shape.paragraphs[1] - self.shape.paragraphs[0] + 1)
        return math.prod(number for number, _ in parts), lengths - math.fsum(math.log2(chance) for _, chance in parts)


@pytest.fixture(scope="module")
def facts() -> Facts:
    return draw_facts(32, 16, 1)


@pytest.fixture(scope="module")
def books(facts: Facts) -> list[Book]:
    writer = Writer(facts, SHAPE)
    return [writer.book(stream(7, "book", number)) for number in range(4)]


def test_every_text_has_one_derivation_and_its_probability_is_the_one_the_writer_states(facts: Facts, books: list[Book]) -> None:
    writer, parser = Writer(facts, SHAPE), Parser(facts, SHAPE)
    for book in books:
        derivations, bits = parser.book(book.text)
        assert derivations == 1
        assert math.fsum(writer.bits(book)) == pytest.approx(bits, rel=1e-9)


def test_another_edition_is_a_text_of_the_same_grammar_with_exact_bits(facts: Facts, books: list[Book]) -> None:
    writer, parser = Writer(facts, SHAPE), Parser(facts, SHAPE)
    copy = edition(writer, books[0], rewritten=0.04, generator=stream(7, "edition"))
    assert copy.text != books[0].text
    derivations, bits = parser.book(copy.text)
    assert derivations == 1
    assert math.fsum(writer.bits(copy)) == pytest.approx(bits, rel=1e-9)


def test_every_paragraph_bears_its_own_bits_and_headings_the_lengths(facts: Facts, books: list[Book]) -> None:
    writer, parser = Writer(facts, SHAPE), Parser(facts, SHAPE)
    bits = writer.bits(books[0])
    assert len(bits) == len(books[0].paragraphs)
    for text, cost in zip(books[0].paragraphs[2:], bits[2:], strict=True):
        if heading := re.fullmatch(r"Chapter \d+\. (.*)", text):
            expected = parser.line("heading", heading[1])[1] / (SHAPE.paragraphs[1] - SHAPE.paragraphs[0] + 1)
        else:
            expected = parser.paragraph(text)[1]
        assert cost == pytest.approx(-math.log2(expected), rel=1e-9)
    title = parser.line("title", books[0].title.text)[1] / (SHAPE.chapters[1] - SHAPE.chapters[0] + 1)
    assert bits[0] == pytest.approx(-math.log2(title), rel=1e-9)


def test_every_template_of_every_kind_of_sentence_has_one_derivation(facts: Facts) -> None:
    parser, cast = Parser(facts, SHAPE), ("Ada", "Bo")
    names = {"A": "Ada", "B": "Bo", "S": "Ada", "T": "Bo", "P": "Harrowby"}
    for kind in sentence_kinds(SHAPE.fact_share):
        subject = "Harrowby" if kind.about == "place" else "Ada"
        value = parser.values.get((kind.rule, subject), "")
        for _, template in RULES[kind.rule]:
            text = first_text(template, {**names, "V": value})
            assert parser.sentence(text, 0, cast)[len(text)][0] == 1, text


def first_text(template: str, names: Mapping[str, str]) -> str:
    """The template with the first option of each rule in it."""
    while match := re.search(r"\{(\w+)\}", template):
        options = RULES.get(match[1]) or [(1, "Harrowby")]
        template = template[: match.start()] + names.get(match[1], options[0][1]) + template[match.end() :]
    return template


def test_the_shares_of_the_kinds_of_sentence_sum_to_one() -> None:
    assert math.fsum(kind.share for kind in sentence_kinds(0.58)) == pytest.approx(1)
    assert math.fsum(
        kind.share for kind in sentence_kinds(0.58) if kind.rule in {relation.name for relation in RELATIONS}
    ) == pytest.approx(0.58)
