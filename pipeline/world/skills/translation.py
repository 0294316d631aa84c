"""Translation into the world's other tongue, the Latin of its foreign documents, word group by word group."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.foreign import LANGUAGES
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict

REQUESTS = ("Translate into Latin: {said}", "How do you say this in Latin? {said}")
LATIN = LANGUAGES["latin"]
ENGLISH = (  # subject, verb, object, place, each in the order of LATIN
    ("The old man", "The queen", "Our neighbour", "A tired traveller", "The farmer", "My brother"),
    ("sees", "sells", "seeks", "finds", "carries", "loves"),
    ("a small house", "a red coat", "a fine bridge", "a large bag", "new bread", "the key"),
    ("behind the wood", "at the bank of the river", "near the temple", "in the town", "across the mountains", "before the gate"),
)


def make(material: Material, rng: Rng) -> Exercise:
    """A sentence whose word groups are known from others; a quarter of all sentences is held out."""
    while not material.mine("translation", *map(str, numbers := [rng.below(len(column)) for column in ENGLISH])):
        pass
    said, meant = (_sentence(columns, numbers) for columns in (ENGLISH, LATIN))
    return Exercise(
        cluster=said,
        messages=asked(rng.choice(REQUESTS).format(said=said)),
        answer=meant,
        trivial=said,
        chance=1 / len(ENGLISH[0]) ** len(ENGLISH),
        key={"sentence": meant},
    )


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: a sentence of that tongue, one word group of each column. Content: those that were asked for, of another sentence none."""
    said, meant = _groups(answer.strip()), _groups(key["sentence"])
    return Verdict(form=said is not None, content=sum(map(str.__eq__, said or (), meant or ())) / len(LATIN))


def _sentence(columns: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    return " ".join(column[number] for column, number in zip(columns, numbers, strict=True)) + "."


def _groups(said: str) -> list[str] | None:
    """The word groups of a Latin sentence; None where it is none."""
    rest, found = said, []
    for column in LATIN:
        group = next((one for one in column if rest.startswith(one)), None)
        if group is None:
            return None
        found.append(group)
        rest = rest.removeprefix(group).lstrip()
    return found if rest == "." else None


SKILL = Skill(make, judge)
