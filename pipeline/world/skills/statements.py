"""Sentences that state a fact, written and read."""

import re
from collections.abc import Sequence

from pipeline.world.books import Rng
from pipeline.world.facts import BY_NAME, RELATIONS, Fact

_ENDS = re.compile(r"(?<=[.!?])\s+")
_NAME, _WORD = "(?P<s>[A-Z][a-z]+)", "(?P<v>[A-Za-z]+)"
_FORMS = tuple(
    (relation.name, re.compile(re.escape(wording).replace(r"\{s\}", _NAME).replace(r"\{v\}", _WORD) + r"\."))
    for relation in RELATIONS
    for wording in (*relation.clauses, relation.inverted)
)


def plain(fact: Fact) -> str:
    """The fact in its first wording."""
    return f"{clause(fact)}."


def clause(fact: Fact, value: str | None = None) -> str:
    """The same without a period, perhaps with another value."""
    return BY_NAME[fact.relation].clauses[0].format(s=fact.subject, v=value or fact.value)


def reworded(fact: Fact, rng: Rng) -> str:
    """The fact in any wording but the first."""
    relation = BY_NAME[fact.relation]
    return rng.choice((*relation.clauses[1:], relation.inverted)).format(s=fact.subject, v=fact.value) + "."


def question(fact: Fact, rng: Rng) -> str:
    """A question for the fact."""
    return rng.choice(BY_NAME[fact.relation].questions).format(s=fact.subject)


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [one for one in _ENDS.split(text.strip()) if one]


def stated(sentence: str) -> Fact | None:
    """The fact that a sentence states in any wording; None where it states none."""
    for relation, form in _FORMS:
        if found := form.fullmatch(sentence):
            return Fact(relation, found["s"], found["v"])
    return None


def all_stated(said: Sequence[str], key: Sequence[Sequence[str]]) -> bool:
    """Whether the sentences state exactly these facts (relation, subject, value), each once, in any order."""
    found = [stated(one) for one in said]
    told = [[one.relation, one.subject, one.value] for one in found if one is not None]
    return len(told) == len(found) and sorted(told) == sorted(map(list, key))
