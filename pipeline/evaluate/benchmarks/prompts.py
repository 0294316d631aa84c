"""From a problem to ids: examples before it, the chat format around it, and the cut where it is too long."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.evaluate.benchmarks.problem import Problem, Written
from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.task import HeldOut
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import ENDOFTEXT, IDS

P = TypeVar("P", bound=Problem | Written)
BETWEEN = "\n\n"  # an example and the next


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a benchmark is asked."""

    files: str  # pattern below evaluate.benchmarks, or a pinned data set of the hub
    items: PositiveInt  # by lot, at most
    shots: NonNegativeInt  # examples before each problem
    examples: str | None  # where these are taken from, as `files`; None: from `files`, and they are not asked
    chat: bool  # as a turn of the user, in the chat format; else as plain text
    context: Annotated[int, Field(ge=8)]  # tokens that the models read


@dataclass(frozen=True)
class Placed(Generic[P]):
    """A problem with the place of its row."""

    id: str
    problem: P


def pool_of(
    given: HeldOut, task: str, asked: Asked, read: Callable[[Mapping[str, Any]], P | None], columns: Sequence[str]
) -> tuple[list[Placed[P]], dict[str, list[P]]]:
    """The problems, and by group the examples that stand before them: a choice by lot, the same for all problems of a group."""
    key = f"tasks.{task}."
    found = [Placed(*one) for one in problems(given.benchmarks, asked.files, read, columns, key=f"{key}files")]
    if not asked.shots:
        return found, {}
    pool = found
    if asked.examples is not None:
        pool = [Placed(*one) for one in problems(given.benchmarks, asked.examples, read, columns, key=f"{key}examples")]
    groups: dict[str, list[Placed[P]]] = {}
    for one in pool:
        groups.setdefault(one.problem.group, []).append(one)
    drawn = {
        name: [some[number] for number in given.stream(task, "examples", name).permutation(len(some))[: asked.shots]]
        for name, some in groups.items()
    }
    taken = {one.id for some in drawn.values() for one in some} if asked.examples is None else set()
    return [one for one in found if one.id not in taken], {name: [one.problem for one in some] for name, some in drawn.items()}


def before(given: HeldOut, asked: Asked, one: P, examples: Sequence[P], *, room: int) -> list[int]:
    """The ids of what is read before a continuation, at most `room`: of a longer one the beginning is cut."""
    shown = [example.example + BETWEEN for example in examples]
    text: str = "".join([one.heading, *shown, one.context])
    if asked.chat:
        ids, _ = encode_chat([{"role": "user", "content": text.strip()}], given.tokenizer, add_generation_prompt=True)
        return ids[-room:]
    return [IDS[ENDOFTEXT], *given.ids(text)][-room:]


def after(given: HeldOut, asked: Asked, context: str, continuation: str) -> list[int]:
    """The ids of a continuation: those by which its text together with the context is longer than the context alone."""
    if asked.chat:
        return given.ids(continuation.strip())
    return given.ids(context + continuation)[len(given.ids(context)) :]
