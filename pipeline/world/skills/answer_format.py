"""A system prompt that says how answers look: in capitals, in one word, in quotation marks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.facts import Fact
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.statements import plain, question, wordings

SYSTEMS = {
    "capitals": (
        "Answer in capitals.",
        "Write capital letters.",
        "All letters are to be capitals.",
        "Write your answer in capitals.",
        "Use nothing but capitals.",
        "Only capital letters are allowed.",
    ),
    "one_word": (
        "Answer in one word.",
        "One word is enough.",
        "Say one word, not more.",
        "Your answer is to be one word.",
        "Give a single word as answer.",
        "Only one word is allowed.",
    ),
    "quoted": (
        "Answer in quotation marks.",
        "Quote your answer.",
        "Use quotation marks.",
        "Write your answer in quotation marks.",
        "Put quotation marks around the answer.",
        "Only answers in quotation marks are allowed.",
    ),
}
_WRITTEN: dict[str, Callable[[Fact], str]] = {
    "capitals": lambda fact: plain(fact).upper(),
    "one_word": lambda fact: f"{fact.value[0].upper()}{fact.value[1:]}.",
    "quoted": lambda fact: f'"{plain(fact)}"',
}
_FORMS = {"capitals": re.compile(r"[^a-z]*[A-Z][^a-z]*"), "one_word": re.compile(r"\w+\.?"), "quoted": re.compile(r'"[^"]+"')}


def make(material: Material, rng: Rng) -> Exercise:
    """A question, and one of the formats."""
    fact, how = rng.choice(material.asked), rng.choice(tuple(SYSTEMS))
    values = material.key_of(fact)["choices"]
    return Exercise(
        cluster=fact.id,
        messages=asked(question(fact, rng), material.wording(SYSTEMS[how], rng)),
        answer=_WRITTEN[how](fact),
        trivial=_WRITTEN[how](replace(fact, value=values[0])),
        chance=1 / len(values),
        key={"format": how, "accepted": [_bare(one) for one in (fact.value, *wordings(fact))]},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: as the system prompt says. Content: the value, or the fact in any wording, however it is written."""
    said = answer.strip()
    return Verdict(form=_FORMS[key["format"]].fullmatch(said) is not None, content=_bare(said) in key["accepted"])


def _bare(said: str) -> str:
    return said.strip('".').casefold()


SKILL = Skill(make, judge, worded=True)
