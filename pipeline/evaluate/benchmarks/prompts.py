"""From a problem to ids: examples before it, the chat format around it, and what gives way where it is too long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.core.errors import InputError
from pipeline.evaluate.benchmarks.problem import Problem, Written
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.task import HeldOut

P = TypeVar("P", bound=Problem | Written)
BETWEEN = "\n\n"  # an example and the next
CUT = "cut"  # a metric: the share of the problems that are not read whole with all their examples


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a benchmark is asked."""

    files: str  # pattern below the folder of benchmarks, or a pinned data set of the hub
    items: PositiveInt  # by lot, at most
    shots: NonNegativeInt  # examples before each problem
    examples: str | None  # where these are taken from, as `files`; None: from `files`, and they are not asked
    chat: bool  # as a turn of the user, in the chat format; else as plain text
    context: Annotated[int, Field(ge=8)]  # tokens that the models read

    @property
    def reason(self) -> str:
        """Why nothing is asked."""
        return f"{self.files} asks nothing that {self.context} tokens hold"


@dataclass(frozen=True)
class Placed(Generic[P]):
    """A problem with the place of its row, and the examples before it."""

    id: str
    problem: P
    examples: Sequence[P] = ()


@dataclass(frozen=True)
class Before:
    """What is read before a continuation."""

    ids: list[int]
    cut: bool  # an example is left out, or the beginning of the problem


def pool_of(
    given: HeldOut, task: str, asked: Asked, read: Callable[[Mapping[str, Any]], P | None], columns: Sequence[str]
) -> list[Placed[P]]:
    """The problems with the examples that stand before them: a choice by lot, the same for all problems of a group, but that none stands
    before itself. InputError where a group has too few."""
    key = f"tasks.{task}."
    found = problems(given.benchmarks, asked.files, read, columns, key=f"{key}files")
    if not asked.shots:
        return [Placed(*one) for one in found]
    pool, own = found, asked.examples is None
    if asked.examples is not None:
        pool = problems(given.benchmarks, asked.examples, read, columns, key=f"{key}examples")
    groups: dict[str, list[P]] = {problem.group: [] for _, problem in found}
    for _, problem in pool:
        if problem.group in groups:
            groups[problem.group].append(problem)
    _refuse_too_few({name: len(some) for name, some in groups.items()}, task, asked)
    by_lot = {name: [some[at] for at in given.stream(task, "examples", name).permutation(len(some))] for name, some in groups.items()}
    taken = {(name, one.text) for name, some in by_lot.items() for one in some[: asked.shots]} if own else set()
    return [
        Placed(place, one, [other for other in by_lot[one.group] if other.text != one.text][: asked.shots])
        for place, one in found
        if (one.group, one.text) not in taken
    ]


def before(given: HeldOut, asked: Asked, one: Placed[P], *, room: int) -> Before | None:
    """The ids of what is read before a continuation, at most `room`; None where the chat format has no room for the problem.

    Of what is too long the first examples are left out, one after the other; of a problem that is too long alone the beginning is cut, as
    lm-evaluation-harness does.
    """
    ids: list[int] = []
    for left in range(len(one.examples) + 1):
        ids = _ids(given, asked, one.problem, one.examples[left:])
        if len(ids) <= room:
            return Before(ids, cut=len(one.examples) - left < asked.shots)
    return None if asked.chat else Before(ids[-room:], cut=True)


def after(given: HeldOut, asked: Asked, one: Problem) -> list[list[int]]:
    """The ids of each continuation: those by which its text together with the context is longer than the context alone."""
    if asked.chat:
        return [given.ids(scored(asked, choice)) for choice in one.choices]
    alone = len(given.ids(one.context))
    return [given.ids(one.context + choice)[alone:] for choice in one.choices]


def scored(asked: Asked, continuation: str) -> str:
    """The text of a continuation that counts: in the chat format an answer begins without a blank."""
    return continuation.strip() if asked.chat else continuation


def _ids(given: HeldOut, asked: Asked, one: P, examples: Sequence[P]) -> list[int]:
    shown = [example.example + BETWEEN for example in examples]
    text: str = "".join([one.heading, *shown, one.context])
    if asked.chat:
        return given.codec.chat([{"role": "user", "content": text.strip()}])
    return [*given.codec.start, *given.ids(text)]


def _refuse_too_few(rows: Mapping[str, int], task: str, asked: Asked) -> None:
    """`rows`: those of each group from which its examples are taken."""
    name, fewest = min(rows.items(), key=lambda one: one[1], default=("", asked.shots + 1))
    key, kept = f"tasks.{task}", int(asked.examples is None)  # one must be left to ask
    if fewest - kept < asked.shots:
        where = "files" if asked.examples is None else "examples"
        message = f"{key}.shots is {asked.shots}, and {key}.{where} has {fewest} rows{f' of {name}' if name else ''}"
        more = f"{key}.examples=FILE with more" if asked.examples is None else f"more rows in {asked.examples}"
        raise InputError(f"{message}{', one of them to be asked' if kept else ''}", mend=f"{key}.shots={fewest - kept}, or {more}")
