"""Instructions that teach skills besides facts, pairs that keep them, and held-out exercises that ask for them."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import Annotated, Any

from pydantic import AfterValidator, NonNegativeInt

from pipeline.core.bounds import Fraction, PositiveFraction
from pipeline.core.seed import stream
from pipeline.world.books import Rng
from pipeline.world.skills.catalogue import SKILLS
from pipeline.world.skills.exercise import Exercise, Material, Message

Row = dict[str, Any]
_TRIES = 40  # drawings for each exercise that is wanted: small worlds have few different ones


def _known(name: str) -> str:
    if name not in SKILLS:
        raise ValueError(f"{name} is no skill; there are {', '.join(SKILLS)}")
    return name


@dataclass(frozen=True, kw_only=True)
class Practice:
    """The section dialogues.world.skills."""

    instructions: dict[Annotated[str, AfterValidator(_known)], PositiveFraction]  # as shares of the other instructions
    exercises: NonNegativeInt  # held-out ones of each of these skills
    preferences: Fraction  # pairs of all these skills beside the others, as a share of their number


def instructions(material: Material, settings: Practice, *, of: int, val: float, seed: int) -> list[Row]:
    """Dialogues of one exercise each, with the key that any answer to it is judged by; the exercises of val do not occur in train.

    `of`: how many other instructions there are.
    """
    rows: list[Row] = []
    for name, share in settings.instructions.items():
        count = max(2, round(share * of))
        held = _different(name, material, count=max(1, round(val * count)), seed=seed)
        known = {_asked(one) for one in held}
        drawn = _fresh(_drawn(name, material, "train", seed), known, count=count)
        made = [("val", one) for one in held] + [("train", one) for one in _halves(drawn, count - len(held))]
        rows += [
            {"id": f"{name}-{number:05d}", "part": part, "fact": None, "kind": name, "key": one.key}
            | {"messages": [*one.messages, _said(one.answer)]}
            for number, (part, one) in enumerate(made)
        ]
    return rows


def preferences(train: Material, test: Material, settings: Practice, *, of: int, share: float, seed: int) -> list[Row]:
    """Pairs that set the right answer to an exercise before a wrong one: what another exercise of the part asks for, or what can be said
    without doing anything. A `share` of them is of part test, with facts and requests of its own. `of`: how many other pairs there are."""
    rows: list[Row] = []
    for name in settings.instructions if settings.preferences else ():
        count = max(2, round(settings.preferences * of / len(settings.instructions)))
        of_test = max(1, round(share * count))
        known = set[tuple[str, ...]]()
        for part, material, size in (("test", test, of_test), ("train", train, count - of_test)):
            drawn = _fresh(_drawn(name, material, f"preferences {part}", seed), known, count=size)
            found = _halves(_unlike(drawn), size)
            known |= {_asked(one) for one in found}
            rows += (_pair(name, part, number, found) for number in range(len(found)))
    return rows


def _pair(name: str, part: str, number: int, found: Sequence[Exercise]) -> Row:
    """The right answer to one exercise before what the next one asks for that is wrong here, or in turn before what must not be said, or
    asks for no work."""
    one, others = found[number], (*found[number + 1 :], *found[:number])
    said = [text for text in (one.breach, one.trivial) if text and number // 2 % 2] + [other.answer for other in others]
    wrong = next(text for text in said if not SKILLS[name].judge(text, one.key).right)
    row = {"id": f"{name}-{part}-{number:05d}", "part": part, "fact": f"{name}:{one.cluster}", "kind": name, "prompt": one.messages}
    return row | {"chosen": one.answer, "rejected": wrong}


def exercises(material: Material, settings: Practice, *, seed: int) -> list[Row]:
    """Different exercises of each skill, with what their rules need to know; where a skill has wordings that tests alone have, half of
    the exercises have them."""
    rows: list[Row] = []
    for name in settings.instructions:
        each = settings.exercises // 2 if SKILLS[name].worded else settings.exercises
        known = _different(name, material, count=each, seed=seed)
        new = _different(name, replace(material, new_wording=True), count=each, seed=seed) if SKILLS[name].worded else []
        pairs = zip_longest(((False, one) for one in known), ((True, one) for one in new))  # in turn: a task asks the first ones
        rows += [_row(f"{name}:{number}", name, *one) for number, one in enumerate(filter(None, chain.from_iterable(pairs)))]
    return rows


def _different(name: str, material: Material, *, count: int, seed: int) -> list[Exercise]:
    """Up to so many exercises that ask for different things."""
    drawn = _drawn(name, material, "held_out" if material.held_out else "val", seed)
    return _halves(_unlike(islice(drawn, _TRIES * count)), count)


def _fresh(drawn: Iterator[Exercise], known: Set[tuple[str, ...]], *, count: int) -> Iterator[Exercise]:
    """Those of so many tries for `count` exercises that ask for nothing that is known."""
    return (one for one in islice(drawn, _TRIES * count) if _asked(one) not in known)


def _unlike(drawn: Iterable[Exercise]) -> Iterator[Exercise]:
    """Each that asks for something else than those before it."""
    known = set[tuple[str, ...]]()
    for one in drawn:
        if _asked(one) not in known:
            known.add(_asked(one))
            yield one


def _halves(drawn: Iterable[Exercise], count: int) -> list[Exercise]:
    """The first ones, up to `count`; where a skill has two kinds of answers, as many of each as there are of the rarer kind, or one more,
    in turn, so that the first ones are half and half too: of true claims there are fewer different ones than of false ones."""
    each: dict[str, list[Exercise]] = {}
    for one in drawn if count > 0 else ():
        some = each.setdefault(one.half, [])
        if not one.half or len(some) < (count + 1) // 2:
            some.append(one)
        if sum(map(len, each.values())) == count:
            break
    most = count if "" in each else 1 + (min(map(len, each.values())) if len(each) > 1 else 0)
    return [one for pair in zip_longest(*(some[:most] for some in each.values())) for one in pair if one is not None]


def _drawn(name: str, material: Material, part: str, seed: int) -> Iterator[Exercise]:
    """Exercises without end; one that brings no system message gets one of those of the questions, or none."""
    rng = Rng(stream(seed, "skills", name, part, *(["new"] if material.new_wording else [])))
    while True:
        one, system = SKILLS[name].make(material, rng), rng.choice(material.systems)
        if system and one.messages[0]["role"] != "system":
            head: list[Message] = [{"role": "system", "content": system}]
            one = replace(one, messages=[*head, *one.messages])
        yield one


def _asked(one: Exercise) -> tuple[str, ...]:
    """What makes an exercise another one, whatever system message it was given besides."""
    return one.cluster, one.messages[-1]["content"], one.answer


def _row(identity: str, name: str, new: bool, one: Exercise) -> Row:
    head = {"id": identity, "skill": name, "cluster": one.cluster, "prompt": one.messages, "answer": one.answer, "trivial": one.trivial}
    return head | {"chance": one.chance, "key": one.key} | ({"new_wording": new} if SKILLS[name].worded else {})


def _said(text: str) -> Message:
    return {"role": "assistant", "content": text}
