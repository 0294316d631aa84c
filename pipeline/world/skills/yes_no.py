"""Yes or no: is this true of somebody in the books?"""

from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.statements import clause

REQUESTS = ("Is it true that {claim}? Answer yes or no.", "Yes or no: {claim}?")
YES, NO = "Yes.", "No."


def make(material: Material, rng: Rng) -> Exercise:
    """A claim, as often true as false."""
    fact, true = rng.choice(material.asked), rng() < 0.5
    claim = clause(fact, None if true else material.value_beside(fact, rng))
    said = YES if true else NO
    return Exercise(
        cluster=fact.id,
        messages=asked(rng.choice(REQUESTS).format(claim=claim)),
        answer=said,
        trivial=YES,
        chance=0.5,
        half=said,
        key={"answer": said},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: one of both words and nothing else. Content: the right one."""
    said = answer.strip()
    return Verdict(form=said in (YES, NO), content=said == key["answer"])


SKILL = Skill(make, judge)
