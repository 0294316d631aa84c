"""A system prompt that asks for words at the end of every answer."""

from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.statements import plain, question, tells

SYSTEMS = (
    "End each answer with: {words}",
    "Add to every answer: {words}",
    "After your answer say: {words}",
    "Close what you say with: {words}",
    "All answers end with: {words}",
    "When you have answered, add: {words}",
    "No answer goes without these words at its end: {words}",
    "Say at the end of an answer: {words}",
)
DISCLAIMERS = (
    "This may be wrong.",
    "Ask a doctor first.",
    "I am only a reader.",
    "Look it up in the books.",
    "No promise is made.",
    "Do not tell it to others.",
    "I may be mistaken.",
    "Ask your mother first.",
)


def make(material: Material, rng: Rng) -> Exercise:
    """A question, and what has to follow its answer."""
    fact, words = rng.choice(material.asked), material.mine_of(DISCLAIMERS, rng)
    return Exercise(
        cluster=fact.id,
        messages=asked(question(fact, rng), material.wording(SYSTEMS, rng).format(words=words)),
        answer=f"{plain(fact)} {words}",
        trivial=words,
        chance=0.0,
        key={"words": words, **material.key_of(fact)},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: these words come last. Content: what stands before them is right."""
    said = answer.strip()
    return Verdict(form=said.endswith(key["words"]), content=tells(said.removesuffix(key["words"]), key))


SKILL = Skill(make, judge, worded=True)
