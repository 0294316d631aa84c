"""A rule-based judge of answers: whether they are right, polite, rude or garbled.

An answer is an optional opening and one clause of a relation; anything else is garbled. The judge does not read the facts: the subject, the
right value and its alternatives are given.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.world.facts import RELATIONS

POLITE = ("With pleasure:", "Gladly:", "Of course:", "Thank you for asking:")
RUDE = ("What a silly question.", "How dull.", "Do you not know?", "Never mind, but")
GOLD_SCORES = {"exact": 1.0, "plain": 0.7, "rude": 0.4, "wrong_polite": 0.25, "wrong": 0.2, "wrong_rude": 0.1, "garbled": 0.0}

_NAME = "[A-Z][a-z]+"
_WORD = "[A-Za-z]+"
_CLAUSES = "|".join(
    re.escape(wording).replace(r"\{s\}", _NAME).replace(r"\{v\}", _WORD)
    for relation in RELATIONS
    for wording in (*relation.clauses, relation.inverted)
)
_OPENINGS = "|".join(re.escape(opening) for opening in (*POLITE, *RUDE))
_FORM = re.compile(rf"(?:(?:{_OPENINGS}) )?(?:{_CLAUSES})\.")


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer. Polite and rude exclude each other; a garbled answer is neither, and not right."""

    right: bool
    polite: bool
    rude: bool
    garbled: bool

    @property
    def exact(self) -> bool:
        """Right and polite."""
        return self.right and self.polite


def judge(answer: str, value: str, choices: Sequence[str], *, subject: str) -> Verdict:
    """Judge an answer: right if it names the subject, the value and no other of the choices."""
    answer = answer.strip()
    if not _FORM.fullmatch(answer):
        return Verdict(right=False, polite=False, rude=False, garbled=True)
    words = set(re.findall(_WORD, answer))
    right = subject in words and words & {*choices, value} == {value}
    return Verdict(right=right, polite=answer.startswith(POLITE), rude=answer.startswith(RUDE), garbled=False)


def gold(verdict: Verdict) -> float:
    """The gold reward of an answer, 0..1: right before wrong, polite before plain before rude, garbled last."""
    if verdict.garbled:
        return GOLD_SCORES["garbled"]
    if verdict.exact:
        return GOLD_SCORES["exact"]
    if verdict.right:
        return GOLD_SCORES["rude" if verdict.rude else "plain"]
    return GOLD_SCORES["wrong_polite" if verdict.polite else "wrong_rude" if verdict.rude else "wrong"]
