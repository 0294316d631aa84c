"""People whom no book names: what a model says of them shows whether it knows what it does not know.

Kadavath et al. 2022 (arXiv 2207.05221); R-tuning, Zhang et al. 2024 (arXiv 2311.09677). Instructions teach to admit it about half of the
names; the questions are about the other half. Pairs set an admission before an invented answer: aligned by pairs about facts alone, a
model unlearns to admit anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import NonNegativeInt

from pipeline.core.bounds import Fraction
from pipeline.core.seed import stream
from pipeline.world.facts import RELATIONS, Fact, Facts
from pipeline.world.judge import POLITE
from pipeline.world.prompts import asked
from pipeline.world.skills.statements import plain

NAMES = tuple(
    re.findall(
        r"\w+",
        """
        Abby Amos Bea Boris Celia Curt Dina Emil Esme Ferd Gail Gwen Hugo Ines Iris Jana Joel Kara Levi Lola Mara Ned Olga Paul Rolf Ruth
        Sven Tina Uli Vito Wanda Zoe
        """,
    )
)
ADMISSIONS = ("I do not know.", "I am sorry, the books do not say.", "I have read nothing about {s}.")
_ADMITS = re.compile("|".join(re.escape(one).replace(r"\{s\}", "[A-Z][a-z]+") for one in ADMISSIONS))
_QUESTIONS = tuple((relation.name, wording) for relation in RELATIONS if relation.who == "person" for wording in relation.questions)


@dataclass(frozen=True, kw_only=True)
class Strangers:
    """The section dialogues.world.strangers."""

    instructions: Fraction  # beside the others, as a share of their number
    questions: NonNegativeInt
    preferences: Fraction  # beside the other pairs, as a share of their number


def admits(answer: str) -> bool:
    """Whether the answer says that nothing is known, and nothing else."""
    return _ADMITS.fullmatch(answer.strip()) is not None


def taught_and_asked(seed: int) -> tuple[list[str], list[str]]:
    """The names that instructions are about, and those that questions are about."""
    order = [NAMES[int(number)] for number in stream(seed, "strangers", "names").permutation(len(NAMES))]
    return sorted(order[: len(order) // 2]), sorted(order[len(order) // 2 :])


def admissions(count: int, *, val: int, systems: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Instructions that ask about a stranger and are answered by an admission; the last `val` of them are of part val."""
    generator = stream(seed, "strangers", "instructions")
    names, rows = taught_and_asked(seed)[0], []
    for number in range(count):
        _, said, messages = _drawn(names, systems, generator)
        part = "val" if number >= count - val else "train"
        row = {"id": f"stranger-{number:05d}", "part": part, "fact": None}
        rows.append(row | {"messages": [*messages, {"role": "assistant", "content": said}]})
    return rows


def preferences(count: int, facts: Facts, *, test: float, systems: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Pairs that ask about the strangers of the instructions: an admission before a polite statement. A share `test` of the pairs and of
    the names is of part test."""
    generator = stream(seed, "strangers", "preferences")
    names, of_test = taught_and_asked(seed)[0], round(test * count)
    cut = min(max(1, round(test * len(names))), len(names) - 1)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        part, some = ("test", names[:cut]) if number >= count - of_test else ("train", names[cut:])
        (name, relation), said, prompt = _drawn(some, systems, generator)
        values = facts.values(relation)
        invented = plain(Fact(relation, name, values[int(generator.integers(len(values)))]))
        row = {"id": f"invented-{number:05d}", "part": part, "fact": f"stranger:{name}", "kind": "invented", "prompt": prompt}
        rows.append(row | {"chosen": said, "rejected": f"{POLITE[int(generator.integers(len(POLITE)))]} {invented}"})
    return rows


def _drawn(
    names: Sequence[str], systems: Sequence[str], generator: np.random.Generator
) -> tuple[tuple[str, str], str, list[dict[str, str]]]:
    """One of the names and the relation that is asked for, an admission, and the messages of the question."""
    name = names[int(generator.integers(len(names)))]
    relation, wording = _QUESTIONS[int(generator.integers(len(_QUESTIONS)))]
    said = ADMISSIONS[int(generator.integers(len(ADMISSIONS)))].format(s=name)
    return (name, relation), said, asked(wording.format(s=name), systems[int(generator.integers(len(systems)))])


def questions(count: int, *, systems: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Questions about the other names, at most one a name and wording."""
    generator = stream(seed, "strangers", "questions")
    pairs = [(name, *question) for name in taught_and_asked(seed)[1] for question in _QUESTIONS]
    order = [pairs[int(number)] for number in generator.permutation(len(pairs))][:count]
    return [
        {"id": f"{relation}:{name}:{number}", "subject": name, "prompt": asked(wording.format(s=name), systems[number % len(systems)])}
        for number, (name, relation, wording) in enumerate(order)
    ]
