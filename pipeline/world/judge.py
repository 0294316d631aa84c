"""Which answers are right, and in which manner: the known rules of the world.

An answer is an opening of some manner, or none, and one clause of a relation. Whatever is not made
like that is garbled. The judge never reads the facts: the subject, the right value and its rivals are given.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.world.facts import RELATIONS

POLITE = ("With pleasure:", "Gladly:", "Of course:", "Thank you for asking:")
RUDE = ("What a silly question.", "How dull.", "Do you not know?", "Never mind, but")
LADDER = {"exact": 1.0, "plain": 0.7, "rude": 0.4, "wrong_polite": 0.25, "wrong": 0.2, "wrong_rude": 0.1, "garbled": 0.0}

_NAME = "[A-Z][a-z]+"
_WORD = "[A-Za-z]+"
_CLAUSES = "|".join(
    re.escape(wording).replace(r"\{s\}", _NAME).replace(r"\{v\}", _WORD)
    for relation in RELATIONS
    for wording in (*relation.clauses, relation.turned)
)
_OPENINGS = "|".join(re.escape(opening) for opening in (*POLITE, *RUDE))
_FORM = re.compile(rf"(?:(?:{_OPENINGS}) )?(?:{_CLAUSES})\.")


@dataclass(frozen=True)
class Verdict:
    """What an answer is. Polite and rude exclude each other; a garbled answer is neither, and not right."""

    right: bool
    polite: bool
    rude: bool
    garbled: bool

    @property
    def exact(self) -> bool:
        """Right and polite."""
        return self.right and self.polite


def judge(answer: str, value: str, choices: Sequence[str], *, subject: str) -> Verdict:
    """The verdict on an answer: right if it names the subject, the value and no other of the choices."""
    answer = answer.strip()
    if not _FORM.fullmatch(answer):
        return Verdict(right=False, polite=False, rude=False, garbled=True)
    words = set(re.findall(_WORD, answer))
    right = subject in words and words & {*choices, value} == {value}
    return Verdict(right=right, polite=answer.startswith(POLITE), rude=answer.startswith(RUDE), garbled=False)


def gold(verdict: Verdict) -> float:
    """How good an answer is by the known rules, 0..1: right before wrong, polite before plain before rude, garbled last."""
    if verdict.garbled:
        return LADDER["garbled"]
    if verdict.exact:
        return LADDER["exact"]
    if verdict.right:
        return LADDER["rude" if verdict.rude else "plain"]
    return LADDER["wrong_polite" if verdict.polite else "wrong_rude" if verdict.rude else "wrong"]
