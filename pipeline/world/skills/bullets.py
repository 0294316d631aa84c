"""Three bullets with the facts of a passage."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.passage import FACTS, passage
from pipeline.world.skills.statements import plain, share_stated

REQUESTS = ("What does this say, in three bullets? {text}", "List the facts as three bullets: {text}")
BULLET = "- "


def make(material: Material, rng: Rng) -> Exercise:
    """A passage to take apart."""
    read = passage(material, rng)
    return Exercise(
        cluster=read.text,
        messages=asked(rng.choice(REQUESTS).format(text=read.text)),
        answer=_listed(plain(fact) for fact in read.facts),
        trivial=_listed(read.first),
        chance=0.0,
        key=read.key,
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: three lines, each with a bullet. Content: each states another fact of the passage."""
    lines = answer.strip().split("\n")
    form = len(lines) == FACTS and all(line.startswith(BULLET) for line in lines)
    return Verdict(form=form, content=share_stated([line.removeprefix(BULLET).strip() for line in lines], key["facts"]))


def _listed(said: Iterable[str]) -> str:
    return "\n".join(BULLET + one for one in said)


SKILL = Skill(make, judge)
