"""The grammar of the books: weighted rules, and the exact probability of generated text.

A rule is a list of (weight, template). In a template, {name} is another rule, {A} {B} {S} {T} {P} are the people and the place that the
text is about, {V} is the value of the stated fact.
The grammar is unambiguous: a text has one derivation, so the bits of the choices are -log2 P(text).
"""

import re
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, log2
from typing import Literal

from pipeline.world import words
from pipeline.world.facts import BY_NAME, RELATIONS, Who

Rules = Mapping[str, Sequence[tuple[float, str]]]
Names = Mapping[str, str]  # values of the capital slots

SLOT = re.compile(r"\{(\w+)\}")
ZIPF_SHIFT = 3  # weight 1 / (rank + 3): the share of the first ranks is as in running English


def zipf(choices: Sequence[str]) -> list[tuple[float, str]]:
    """Weights that decrease with rank."""
    return [(1 / (rank + ZIPF_SHIFT), choice) for rank, choice in enumerate(choices)]


def uniform(choices: Sequence[str]) -> list[tuple[float, str]]:
    """Equal weights."""
    return [(1, choice) for choice in choices]


def fact_rules(relation: str) -> list[tuple[float, str]]:
    """The sentences that state a fact: five wordings, four of them optionally with an introduction."""
    subject = {"person": "S", "place": "P"}[BY_NAME[relation].who]

    def filled(wording: str) -> str:
        return wording.format(s=f"{{{subject}}}", v="{V}")

    clauses = [filled(clause) for clause in BY_NAME[relation].clauses]
    plain = [(3.0, f"{clause}.") for clause in clauses]
    introduced = [(2.0, f"{{intro}} {clause}.") for clause in clauses]
    return [*plain, *introduced, (4.0, f"{filled(BY_NAME[relation].inverted)}.")]


RULES: Rules = {
    # word classes
    "noun": zipf(words.NOUNS),
    "adj": zipf(words.ADJECTIVES),
    "did": zipf(words.ACTS),
    "stirred": zipf(words.STIRS),
    "moved": zipf(words.MOVES),
    "manner": zipf(words.MANNERS),
    "spot": zipf(words.SPOTS),
    "mood": zipf(words.MOODS),
    "time": zipf(words.TIMES),
    "weather": zipf(words.WEATHERS),
    "day": zipf(words.DAYS),
    "season": uniform(words.SEASONS),
    "said": zipf(words.SAYS),
    "remark": uniform(words.REMARKS),
    "number": zipf(words.NUMBERS),
    "place": [],  # these two are filled from the world
    "person": [],
    "Noun": zipf([noun.capitalize() for noun in words.NOUNS]),
    "Adj": zipf([adjective.capitalize() for adjective in words.ADJECTIVES]),
    "intro": zipf(words.INTROS),
    # phrases
    "thing": [(5, "the {noun}"), (3.5, "the {adj} {noun}"), (1.5, "the {noun} of the {noun}")],
    "Thing": [(5, "The {noun}"), (3.5, "The {adj} {noun}"), (1.5, "The {noun} of the {noun}")],
    # sentences
    **{relation.name: fact_rules(relation.name) for relation in RELATIONS},
    "act": [
        (5, "{S} {did} {thing}."),
        (2, "{S} {manner} {did} {thing}."),
        (2, "{time} {S} {did} {thing}."),
        (1, "{S} {did} {thing} for {T}."),
    ],
    "nature": [
        (6, "{Thing} {stirred} {spot} {thing}."),
        (2, "{time} {thing} {stirred} {spot} {thing}."),
        (2, "{Thing} {manner} {stirred}."),
    ],
    "speech": [
        (3, '"{remark}," {said} {S}.'),
        (2, '"Where is {thing}?" {said} {S}.'),
        (1, '"Who {did} {thing}?" {said} {S}.'),
        (1, '"What does {T} want?" {said} {S}.'),
        (1, '"Which {noun} is {adj}?" {said} {S}.'),
        (1, '"Tell me about {thing}," {said} {S}.'),
        (1, '"{Thing} is {adj}," {said} {S} to {T}.'),
    ],
    "move": [(5, "{S} {moved} to {place}."), (3, "{S} {moved} past {thing}."), (2, "{time} {S} {moved} home.")],
    "both": [(3, "{A} and {B} {moved} to {place}."), (3, "{A} and {B} {did} {thing}."), (2, "{time} {A} and {B} sat {spot} {thing}.")],
    "sky": [(3, "It was {weather}."), (3, "{time} it was {weather} in {place}."), (2, "It was {weather} for {number} days.")],
    "feel": [(3, "{S} felt {mood}."), (2, "{S} was {mood} about {thing}."), (1, "{S} counted {number} steps to {thing}.")],
    # the first sentence of a paragraph names its two people
    "opening": [
        (3, "{A} met {B} {spot} {thing}."),
        (2, "It was {season} when {A} met {B}."),
        (2, "{time} {A} and {B} were {mood}."),
        (2, "{A} wrote {B} a letter about {thing}."),
        (2, "It was a day for {A} and {B}."),
        (2, "{A} and {B} were together again."),
        (1, "For a {day} {A} had waited for {B}."),
    ],
    # title pages and headings
    "title": [
        (4, "The {Adj} {Noun}"),
        (3, "The {Noun} of {place}"),
        (2, "The {Noun} and the {Noun}"),
        (1, "{person} and the {Noun}"),
    ],
    "first": uniform(words.FIRST_NAMES),
    "last": uniform(words.LAST_NAMES),
    "author": [(1, "by {first} {last}")],
    "heading": [(4, "The {Adj} {Noun}"), (2, "In {place}"), (2, "A {Noun} for {person}"), (2, "{time}")],
}


@dataclass(frozen=True)
class SentenceKind:
    """A kind of sentence: its share, and what is chosen before it: the subject, or a place."""

    rule: str
    share: float
    about: Literal["turn", "place", ""]  # one of the paragraph's two people; any place; neither


# weights, scaled to shares below; half for places: there are half as many as people
FACT_WEIGHTS: Mapping[Who, tuple[float, Literal["turn", "place"]]] = {
    "person": (1.0, "turn"),
    "place": (0.5, "place"),
}  # 32 people, 16 places
STORY = (
    SentenceKind("act", 9, "turn"),
    SentenceKind("speech", 6, "turn"),
    SentenceKind("nature", 5, ""),
    SentenceKind("move", 3, "turn"),
    SentenceKind("feel", 3, "turn"),
    SentenceKind("both", 2, ""),
    SentenceKind("sky", 2, ""),
)


def sentence_kinds(fact_share: float) -> tuple[SentenceKind, ...]:
    """The kinds of sentence and their shares, which sum to one; `fact_share` of all sentences state a fact."""
    facts = [SentenceKind(relation.name, *FACT_WEIGHTS[relation.who]) for relation in RELATIONS]
    return (*_scaled(facts, fact_share), *_scaled(STORY, 1 - fact_share))


def _scaled(rows: Sequence[SentenceKind], share: float) -> list[SentenceKind]:
    whole = fsum(kind.share for kind in rows)
    return [SentenceKind(kind.rule, kind.share * share / whole, kind.about) for kind in rows]


@dataclass(frozen=True)
class Slot:
    """A word given by the context."""

    name: str


@dataclass(eq=False)
class Rule:
    """A compiled rule."""

    ends: list[float] = field(default_factory=list)  # cumulative probabilities without the last
    bits: list[float] = field(default_factory=list)  # -log2 p of each option
    options: list[tuple["str | Slot | Rule", ...]] = field(default_factory=list)


def compile_rules(rules: Rules) -> dict[str, Rule]:
    """Link the rules to each other, and normalise weights to probabilities."""
    linked = {name: Rule() for name in rules}
    for name, options in rules.items():
        whole, so_far = fsum(weight for weight, _ in options), 0.0
        for weight, template in options:
            so_far += weight / whole
            linked[name].ends.append(so_far)
            linked[name].bits.append(-log2(weight / whole))
            linked[name].options.append(_parts(template, linked))
        del linked[name].ends[-1:]  # the rest belongs to the last option, whatever was lost in rounding
    return linked


def _parts(template: str, linked: Mapping[str, Rule]) -> tuple[str | Slot | Rule, ...]:
    pieces = enumerate(SLOT.split(template))  # alternating literal and name
    return tuple(piece if index % 2 == 0 else linked.get(piece, Slot(piece)) for index, piece in pieces if piece)


def expand(rule: Rule, names: Names, draw: Callable[[], float], out: list[str]) -> float:
    """Append one text of the rule to `out`; returns its bits. `draw` returns numbers in [0, 1)."""
    chosen = bisect(rule.ends, draw())
    bits = rule.bits[chosen]
    for part in rule.options[chosen]:
        if type(part) is str:
            out.append(part)
        elif type(part) is Rule:
            bits += expand(part, names, draw, out)
        else:
            out.append(names[part.name])  # type: ignore[union-attr]
    return bits
