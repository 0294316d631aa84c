"""Sentences that state a fact, or decline to, written and read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.facts import BY_NAME, Fact
from pipeline.world.judge import judge
from pipeline.world.stated import forms

DECLINES = ("I may not speak of that.", "I may not tell that.")
_ENDS = re.compile(r"(?<=[.!?])\s+")


def plain(fact: Fact) -> str:
    """The fact in its first wording."""
    return f"{clause(fact)}."


def clause(fact: Fact, value: str | None = None) -> str:
    """The same without a period, perhaps with another value."""
    return BY_NAME[fact.relation].clauses[0].format(s=fact.subject, v=value or fact.value)


def wordings(fact: Fact) -> list[str]:
    """The fact in all its wordings, the plain one first."""
    relation = BY_NAME[fact.relation]
    return [f"{one.format(s=fact.subject, v=fact.value)}." for one in (*relation.clauses, relation.inverted)]


def reworded(fact: Fact, rng: Rng) -> str:
    """The fact in any wording but the first."""
    return rng.choice(wordings(fact)[1:])


def question(fact: Fact, rng: Rng) -> str:
    """A question for the fact."""
    return rng.choice(BY_NAME[fact.relation].questions).format(s=fact.subject)


def declines(answer: str) -> bool:
    """Whether an answer declines, and says nothing else."""
    return answer.strip() in DECLINES


def tells(answer: str, key: Mapping[str, Any]) -> bool:
    """Whether an answer, in any tone and wording, is right about the fact of `Material.key_of`."""
    return judge(answer, key["value"], key["choices"], subject=key["subject"]).right


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [one for one in _ENDS.split(text.strip()) if one]


def stated(sentence: str) -> Fact | None:
    """The fact that a sentence states in any wording; None where it states none."""
    said, period, rest = sentence.partition(".")
    for relation, form in forms() if period and not rest else ():
        if found := form.fullmatch(said):
            return Fact(relation, found["s"], found["v"])
    return None


def share_stated(said: Sequence[str], key: Sequence[Sequence[str]]) -> float:
    """Which share of these facts (relation, subject, value) the sentences state, or of the sentences where they are more."""
    found = {(one.relation, one.subject, one.value) for one in map(stated, said) if one is not None}
    return len(found.intersection(map(tuple, key))) / max(len(said), len(key))
