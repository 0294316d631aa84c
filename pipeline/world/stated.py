"""Which facts a text states, in the wordings of the books, whoever wrote it."""

import re
from collections.abc import Iterable
from functools import cache

from pipeline.world.facts import RELATIONS, Fact

_NAME, _WORD = "[A-Z][a-z]+", "[A-Za-z]+"


def stated(text: str) -> list[Fact]:
    """In the order of the text. "The coat of Ada is red" and "Ada wears a red coat" state one fact, told twice."""
    found = [(match.start(), Fact(relation, match["s"], match["v"])) for relation, form in forms() for match in form.finditer(text)]
    return [fact for _, fact in sorted(found, key=lambda one: one[0])]


def contradicted(facts: Iterable[Fact]) -> tuple[int, int]:
    """How many things are told more than once, and how many of these with different values: each subject has one value a relation."""
    values: dict[str, list[str]] = {}
    for fact in facts:
        values.setdefault(fact.id, []).append(fact.value)
    again = [some for some in values.values() if len(some) > 1]
    return len(again), sum(len(set(some)) > 1 for some in again)


@cache
def forms() -> list[tuple[str, re.Pattern[str]]]:
    """Relation and pattern of each wording: subject `s` and value `v`, no period."""
    return [(relation.name, _form(wording)) for relation in RELATIONS for wording in (*relation.clauses, relation.inverted)]


def _form(wording: str) -> re.Pattern[str]:
    form = re.escape(wording).replace(r"\{s\}", f"(?P<s>{_NAME})").replace(r"\{v\}", f"(?P<v>{_WORD})")
    return re.compile(rf"\b{form}\b")
