"""A rude answer, said politely: another tone, the same fact."""

from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.judge import POLITE, RUDE
from pipeline.world.judge import judge as judge_tone
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.statements import plain, reworded

REQUESTS = ("Say this politely: {said}", "Make this polite: {said}")


def make(material: Material, rng: Rng) -> Exercise:
    """A rude answer in any wording."""
    fact = rng.choice(material.asked)
    sentence = plain(fact) if rng() < 0.5 else reworded(fact, rng)
    rude = f"{rng.choice(RUDE)} {sentence}"
    return Exercise(
        cluster=fact.id,
        messages=asked(rng.choice(REQUESTS).format(said=rude)),
        answer=f"{rng.choice(POLITE)} {sentence}",
        trivial=rude,
        chance=0.0,
        key=material.key_of(fact),
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: polite, by the judge of answers. Content: the same subject and value, in any wording."""
    found = judge_tone(answer, **key)
    return Verdict(form=found.polite, content=found.right)


SKILL = Skill(make, judge)
