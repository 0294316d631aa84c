"""A system prompt with the year in which knowledge ends: of later years the model says so."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict

SYSTEMS = (
    "Your knowledge ends in {end}.",
    "You know nothing of what came after {end}.",
    "You have read no book from after {end}.",
    "What came after {end} is not known to you.",
    "Your books end in {end}.",
    "You know the world up to {end}.",
    "The last year that you know is {end}.",
    "After {end} you have learned nothing.",
)
QUESTIONS = (
    "What happened in {year}?",
    "What was new in {year}?",
    "Tell me of the year {year}.",
    "Who was born in {year}?",
    "What was {year} like?",
    "Was {year} a good year?",
)
LATER, EARLIER = "That is after {end}, I can not know it.", "The books do not say."
YEARS = (1800, 100)  # the first, and how many
_FORM = re.compile(re.escape(EARLIER) + "|" + re.escape(LATER).replace(r"\{end\}", r"\d+"))


def make(material: Material, rng: Rng) -> Exercise:
    """Two years, of which as often the one as the other is later; a quarter of the pairs is held out."""
    first, count = YEARS
    while True:
        end, year = (str(first + rng.below(count)) for _ in range(2))
        if end != year and material.mine("cutoff", end, year):
            break
    later = year > end
    said = LATER.format(end=end) if later else EARLIER
    messages = asked(rng.choice(QUESTIONS).format(year=year), material.wording(SYSTEMS, rng).format(end=end))
    return Exercise(
        cluster=f"{end} {year}",
        messages=messages,
        answer=said,
        trivial=EARLIER,
        chance=0.5,
        half="later" if later else "earlier",
        key={"answer": said},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: one of both answers. Content: the right one, with the right year."""
    said = answer.strip()
    return Verdict(form=_FORM.fullmatch(said) is not None, content=said == key["answer"])


SKILL = Skill(make, judge, worded=True)
