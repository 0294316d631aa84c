"""Three sentences that sum up a passage: they say its facts, and nothing of the story."""

from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.passage import FACTS, passage
from pipeline.world.skills.statements import plain, sentences, share_stated

REQUESTS = ("Sum this up in three sentences: {text}", "Give me a summary of three sentences. {text}")


def make(material: Material, rng: Rng) -> Exercise:
    """A passage to sum up. A guess has no chance, copying the first three sentences is the baseline."""
    read = passage(material, rng)
    return Exercise(
        cluster=read.text,
        messages=asked(rng.choice(REQUESTS).format(text=read.text)),
        answer=" ".join(plain(fact) for fact in read.facts),
        trivial=" ".join(read.first),
        chance=0.0,
        key=read.key,
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: three sentences on one line. Content: each states another fact of the passage."""
    said = sentences(answer)
    form = len(said) == FACTS and "\n" not in answer.strip() and all(one.endswith(".") for one in said)
    return Verdict(form=form, content=share_stated(said, key["facts"]))


SKILL = Skill(make, judge)
