"""Facts about somebody as a JSON object."""

import json
from collections.abc import Mapping
from math import prod
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict

REQUESTS = ("Give the {keys} of {s} as a JSON object.", "Write as JSON: the {keys} of {s}.")
KEYS = 2  # asked for, at most


def make(material: Material, rng: Rng) -> Exercise:
    """One or two facts about one subject, each of which may be asked."""
    subject = rng.choice(sorted({fact.subject for fact in material.asked}))
    facts = rng.shuffled([fact for fact in material.asked if fact.subject == subject])[:KEYS]
    pools = {fact.relation: material.facts.values(fact.relation) for fact in facts}
    values = {fact.relation: fact.value for fact in facts}
    return Exercise(
        cluster=subject,
        messages=asked(rng.choice(REQUESTS).format(keys=" and the ".join(values), s=subject)),
        answer=json.dumps(values),
        trivial=json.dumps({relation: pool[0] for relation, pool in pools.items()}),
        chance=prod(1 / len(pool) for pool in pools.values()),
        key={"values": values},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: an object with exactly the asked keys, and texts as values. Content: the right values."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return Verdict(form=False, content=0.0)
    if not isinstance(said, dict):
        return Verdict(form=False, content=0.0)
    values = key["values"]
    form = set(said) == set(values) and all(isinstance(one, str) for one in said.values())
    return Verdict(form=form, content=sum(said.get(name) == value for name, value in values.items()) / len({*said, *values}))


SKILL = Skill(make, judge)
