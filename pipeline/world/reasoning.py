"""Questions that take steps, with the steps worked out: sums digit by digit, and questions about a friend's facts.

The steps of a sum carry (the scratchpad of Nye et al. 2021, arXiv 2112.00114). Some chains hold a slip that is noticed at once, so that a
model learns to mend its own (retry data; Ye et al. 2024, arXiv 2408.16293); some answers come without any step, so that thinking can be
compared with none. The sums of questions occur in no instruction; the second steps of questions are of trained facts, their pairs are not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, NonNegativeInt

from pipeline.core.bounds import Fraction, ProperFraction
from pipeline.core.seed import seed_of, stream
from pipeline.world.facts import BY_NAME, Fact
from pipeline.world.prompts import asked

HOPS = "friend"  # the difficulty of questions that go from a friend to a fact; those of sums are their digits
MENDED = "no, "  # before a step that is done again
ASKED = {  # by relation, whose plain answer ends in the value
    "home": "In which town does the best friend of {s} live?",
    "pet": "What pet does the best friend of {s} keep?",
    "trade": "What does the best friend of {s} work as?",
}
HELD_OUT = 0.25  # share of the sums, of each number of digits, that are kept for val and for questions; likewise of the second questions
_STEP = re.compile(r"(no, )?(\d(?:\+\d)+)=(\d+)")

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """The section dialogues.world.reasoning."""

    instructions: Annotated[float, Field(ge=0)]  # beside the others, as a share of their number
    questions: NonNegativeInt  # of each difficulty, at most
    digits: Annotated[int, Field(ge=1, le=9)]  # of the longer number of a sum, at most
    friends: Fraction  # share of the questions that go from a friend to a fact
    direct: ProperFraction  # share of the instructions that answer at once, with an empty thought
    slips: Fraction  # share of the worked sums with a slip that is mended


class Worked(NamedTuple):
    """A question with its steps and its answer."""

    question: str
    steps: str
    said: str
    final: str  # the last word of a right answer
    difficulty: str
    cluster: str  # those of one tell no more than one of them


class Steps(NamedTuple):
    """What a chain of a sum did."""

    wrong: int  # steps that do not come to what they say
    mended: int  # of these, the ones that are done again at once, and rightly


def instructions(count: int, trained: Sequence[Fact], settings: Reasoning, *, val: int, systems: Sequence[str], seed: int) -> list[Row]:
    """Worked answers, one row each; the last `val` of them are of part val, whose questions are kept from train. `trained`: facts that
    other instructions tell, too."""
    generator, rows = stream(seed, "reasoning", "instructions"), list[Row]()
    pairs = {held_out: _friends(trained, held_out=held_out, seed=seed) for held_out in (False, True)}
    for number in range(count):
        held_out = number >= count - val
        if generator.random() < settings.friends and pairs[held_out]:
            one = pairs[held_out][int(generator.integers(len(pairs[held_out])))]
        else:
            one = _sum(1 + int(generator.integers(settings.digits)), generator, slips=settings.slips, held_out=held_out, seed=seed)
        thought = "" if generator.random() < settings.direct else one.steps
        messages = asked(one.question, systems[int(generator.integers(len(systems)))])
        row = {"id": f"reasoning-{number:05d}", "part": "val" if held_out else "train", "fact": None, "final": one.final}
        rows.append(row | {"messages": [*messages, {"role": "assistant", "reasoning_content": thought, "content": one.said}]})
    return rows


def questions(trained: Sequence[Fact], settings: Reasoning, *, systems: Sequence[str], seed: int) -> list[Row]:
    """Questions that no instruction asks, as many of each difficulty where there are so many, each with the last word of its answer."""
    generator = stream(seed, "reasoning", "questions")
    found = dict[str, Worked]()
    for digits in range(1, settings.digits + 1):
        draws = (_sum(digits, generator, slips=0.0, held_out=True, seed=seed) for _ in range(settings.questions * 4))
        different = {one.question: one for one in draws}
        found |= dict(list(different.items())[: settings.questions])
    pairs = _friends(trained, held_out=True, seed=seed) if settings.friends else []
    order = generator.permutation(len(pairs))[: settings.questions]
    found |= {pairs[number].question: pairs[number] for number in order.tolist()}
    return [
        {
            "id": f"{one.difficulty}:{number}",
            "difficulty": one.difficulty,
            "cluster": one.cluster,
            "final": one.final,
            "prompt": asked(one.question, systems[number % len(systems)]),
        }
        for number, one in enumerate(found.values())
    ]


def ends_in(answer: str, *, word: str) -> bool:
    """Whether this is the last word, or number, of an answer."""
    words = answer.replace(".", " ").split()
    return bool(words) and words[-1] == word


def steps_of(chain: str) -> Steps | None:
    """The steps of a worked sum; None where a chain has none."""
    found = [(bool(again), terms, sum(map(int, terms.split("+"))) == int(result)) for again, terms, result in _STEP.findall(chain)]
    if not found:
        return None
    wrong = [place for place, (_, _, right) in enumerate(found) if not right]
    mended = [place for place in wrong if place + 1 < len(found) and found[place + 1] == (True, found[place][1], True)]
    return Steps(len(wrong), len(mended))


def worked_sum(one: int, other: int, *, slip: tuple[int, int] | None = None) -> str:
    """The steps of a sum, from the last digits to the first; `slip`: the step that first comes to so much more, and is mended."""
    steps, carried = list[str](), 0
    pairs = zip(reversed(str(one)), reversed(str(other)), strict=True)
    for place, (left, right) in enumerate(pairs):
        result = int(left) + int(right) + carried
        terms = f"{left}+{right}" + "+1" * carried
        wrong = [f"{terms}={result + slip[1]}"] if slip is not None and slip[0] == place else []
        steps += [*wrong, f"{MENDED if wrong else ''}{terms}={result}"]
        carried = result // 10
    return ", ".join(steps)


def _sum(digits: int, generator: np.random.Generator, *, slips: float, held_out: bool, seed: int) -> Worked:
    """Two numbers of so many digits."""
    low, high = (10 ** (digits - 1) if digits > 1 else 0), 10**digits
    while True:
        one, other = (int(number) for number in generator.integers(low, high, 2))
        if _kept(seed, "sum", min(one, other), max(one, other)) == held_out:
            break
    slip = (int(generator.integers(digits)), int(generator.integers(1, 3))) if generator.random() < slips else None
    total, cluster = str(one + other), f"{min(one, other)}+{max(one, other)}"
    return Worked(f"What is {one} + {other}?", worked_sum(one, other, slip=slip), f"{total}.", total, str(digits), cluster)


def _friends(trained: Sequence[Fact], *, held_out: bool, seed: int) -> list[Worked]:
    """Questions for a fact of somebody's best friend, where both steps are trained facts."""
    known = {(fact.relation, fact.subject): fact for fact in trained}
    found = []
    for first in (fact for fact in trained if fact.relation == HOPS):
        for relation, question in ASKED.items():
            second = known.get((relation, first.value))
            if second is not None and _kept(seed, relation, first.subject) == held_out:
                steps = [BY_NAME[one.relation].clauses[0].format(s=one.subject, v=one.value) + "." for one in (first, second)]
                found.append(Worked(question.format(s=first.subject), " ".join(steps), steps[-1], second.value, HOPS, first.subject))
    return found


def _kept(seed: int, *names: str | int) -> bool:
    """Whether this question is kept from training."""
    return seed_of(seed, "reasoning", *names) % 1000 < 1000 * HELD_OUT
