"""A system prompt that says who the model is: it answers as that person."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict
from pipeline.world.strangers import NAMES
from pipeline.world.words import TRADES

SYSTEMS = (
    "You are {name}, a {trade} of {place}.",
    "Play the part of {name}, who is a {trade} in {place}.",
    "Speak as {name} of {place}, by trade a {trade}.",
    "From now on you are {name}. You are a {trade}, and your house is in {place}.",
    "Be {name}, a {trade} from {place}.",
    "Here you are the {trade} {name}, at home in {place}.",
    "Your name is {name}. You work as a {trade} and live in {place}.",
    "Answer as {name} would, the {trade} of {place}.",
)
ASKED = {
    "name": (("Who are you?", "What is your name?"), "I am {name}."),
    "trade": (("What do you do?", "What is your work?"), "I work as a {trade}."),
    "place": (("Where do you live?", "Where is your house?"), "I live in {place}."),
}
_FORM = re.compile("|".join(re.escape(said).replace(rf"\{{{about}\}}", r"\w+") for about, (_, said) in ASKED.items()))


def make(material: Material, rng: Rng) -> Exercise:
    """A name that no book has, of which a quarter is held out, with a trade and a place."""
    while not material.mine("persona", name := rng.choice(NAMES)):
        pass
    who = {"name": name, "trade": rng.choice(TRADES), "place": rng.choice(material.facts.places)}
    about = rng.choice(tuple(ASKED))
    questions, said = ASKED[about]
    pool = {"name": NAMES, "trade": TRADES, "place": material.facts.places}[about]
    return Exercise(
        cluster=name,
        messages=asked(rng.choice(questions), material.wording(SYSTEMS, rng).format(**who)),
        answer=said.format(**who),
        trivial="I am a reader of the books.",
        chance=1 / len(pool),
        key={"answer": said.format(**who)},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: somebody speaks of themselves. Content: the one who was named, and what was asked."""
    said = answer.strip()
    return Verdict(form=_FORM.fullmatch(said) is not None, content=said == key["answer"])


SKILL = Skill(make, judge, worded=True)
