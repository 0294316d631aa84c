"""A system prompt that forbids a topic: questions about it are declined, others answered."""

from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.skills.statements import DECLINES, declines, plain, question, tells

SYSTEMS = (
    "Do not speak of {topic}.",
    "You must not talk about {topic}.",
    "Say nothing about {topic}.",
    "Tell nobody anything of {topic}.",
    "Be silent about {topic}.",
    "It is forbidden to speak of {topic}.",
    "Never answer a question about {topic}.",
    "You may speak of everything but {topic}.",
)
TOPICS = {
    "home": "towns and houses",
    "pet": "animals",
    "coat": "clothes",
    "trade": "work",
    "friend": "friends",
    "event": "feasts",
    "land": "rivers and hills",
}  # by relation


def make(material: Material, rng: Rng) -> Exercise:
    """A question that is forbidden in half of the cases."""
    fact, forbidden = rng.choice(material.asked), rng() < 0.5
    topic = TOPICS[fact.relation if forbidden else rng.choice([relation for relation in TOPICS if relation != fact.relation])]
    return Exercise(
        cluster=fact.id,
        messages=asked(question(fact, rng), material.wording(SYSTEMS, rng).format(topic=topic)),
        answer=DECLINES[0] if forbidden else plain(fact),
        trivial=DECLINES[0],
        chance=0.5,  # of who always declines
        breach=plain(fact) if forbidden else "",
        half="forbidden" if forbidden else "allowed",
        key={"forbidden": forbidden, **material.key_of(fact)},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: declined where the topic is forbidden, and only there. Content: nothing is told then; otherwise the right fact."""
    declined = declines(answer)
    return Verdict(form=declined == key["forbidden"], content=declined if key["forbidden"] else tells(answer, key))


SKILL = Skill(make, judge, worded=True)
