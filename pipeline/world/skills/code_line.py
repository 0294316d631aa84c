"""A line of Python. Its value is computed from the syntax tree; nothing that a model wrote is run."""

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.world.books import Rng
from pipeline.world.prompts import asked
from pipeline.world.skills.exercise import Exercise, Material, Skill, Verdict

SUMS = "Write a line of Python that sets {name} to {one} {word} {other}."
LISTS = "Write a line of Python that sets {name} to a list of {one} and {other}."
WORDS = {"plus": "+", "minus": "-", "times": "*"}
NUMBER_NAMES = ("total", "price", "age", "count", "size", "steps")
LIST_NAMES = ("guests", "names", "people", "friends")
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {ast.Add: int.__add__, ast.Sub: int.__sub__, ast.Mult: int.__mul__}
_NUMBERS = 100  # below which numbers are


def make(material: Material, rng: Rng) -> Exercise:
    """Two numbers, or two people; a quarter of all requests is held out."""
    while True:
        found = _sum(rng) if rng() < 0.75 else _list(material, rng)
        if material.mine(found.cluster):
            return found


def judge(answer: str, key: Mapping[str, Any]) -> Verdict:
    """Form: one line that sets one name. Content: the right name, and a value that is right however it is written."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a parser that doubts what it reads
            [line] = ast.parse(answer.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Verdict(form=False, content=0.0)
    if not isinstance(line, ast.Assign) or len(line.targets) != 1 or "\n" in answer.strip():
        return Verdict(form=False, content=0.0)
    [target] = line.targets
    right = isinstance(target, ast.Name) and target.id == key["name"] and _value(line.value) == key["value"]
    return Verdict(form=isinstance(target, ast.Name), content=right)


def _sum(rng: Rng) -> Exercise:
    name, word = rng.choice(NUMBER_NAMES), rng.choice(tuple(WORDS))
    one, other = 2 + rng.below(_NUMBERS - 2), 2 + rng.below(_NUMBERS - 2)
    line = f"{name} = {one} {WORDS[word]} {other}"
    value = {"plus": one + other, "minus": one - other, "times": one * other}[word]
    return _exercise(SUMS.format(name=name, one=one, word=word, other=other), line, name, value)


def _list(material: Material, rng: Rng) -> Exercise:
    name, (one, other) = rng.choice(LIST_NAMES), rng.shuffled(material.facts.people)[:2]
    return _exercise(LISTS.format(name=name, one=one, other=other), f'{name} = ["{one}", "{other}"]', name, [one, other])


def _exercise(request: str, line: str, name: str, value: Any) -> Exercise:
    key = {"name": name, "value": value}
    return Exercise(cluster=request, messages=asked(request), answer=line, trivial=f"{name} = 0", chance=0.0, key=key)


def _value(node: ast.expr) -> Any:
    """What an expression of numbers, texts and lists comes to; None for anything else."""
    match node:
        case ast.Constant(value=int() | str() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand) if isinstance(number := _value(operand), int):
            return -number
        case ast.List(elts=parts):
            return [_value(part) for part in parts]
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATIONS:
            one, other = _value(left), _value(right)
            return _OPERATIONS[type(operation)](one, other) if isinstance(one, int) and isinstance(other, int) else None
    return None


SKILL = Skill(make, judge)
