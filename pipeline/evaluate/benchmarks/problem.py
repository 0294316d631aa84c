"""What a row of a benchmark asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A text, and how it may go on. Of several continuations one is right; of one alone it is asked whether it is written."""

    context: str  # what is read before; "" where there is nothing
    choices: Sequence[str]  # continuations as they follow it, with their blank; the right one first
    group: str = ""  # the part of the benchmark with a score of its own: a subject, a phenomenon
    prior: str | None = None  # a context that asks nothing, for log-probabilities less what a continuation has anyway; None: none is usual
    heading: str = ""  # stands once before examples and problem

    @property
    def example(self) -> str:
        """The problem with its answer, as it stands before others."""
        return self.context + self.choices[0]

    @property
    def text(self) -> str:
        """What tells it from others: two of one text ask the same."""
        return self.context or self.example


@dataclass(frozen=True, kw_only=True)
class Written:
    """A question that is answered in writing."""

    context: str
    answer: str  # as it follows the context in an example, with its blank
    accepted: frozenset[str]  # of an answer that was found and made plain, those that are right
    group: str = ""
    heading: str = ""

    @property
    def example(self) -> str:
        """The question with its answer, as it stands before others."""
        return self.context + self.answer

    @property
    def text(self) -> str:
        """What tells it from others: two of one text ask the same."""
        return self.context or self.example


@dataclass(frozen=True)
class Choices:
    """A benchmark whose continuations are given."""

    read: Callable[[Mapping[str, Any]], Problem | None]  # None: a row that asks nothing
    columns: Sequence[str] = ()  # of a CSV without a head
    prior: bool = False  # whether problems have a context that asks nothing
    one: bool = False  # whether they have the right continuation alone


@dataclass(frozen=True)
class Answers:
    """A benchmark that is answered in writing."""

    read: Callable[[Mapping[str, Any]], Written | None]
    found: Callable[[str], str]  # the answer in what was written, made plain
    stops: Sequence[str]  # what is written from the first of these on does not count
    columns: Sequence[str] = ()


def letter(number: int) -> str:
    """A, B, C ..."""
    return chr(ord("A") + number)


def right_first(choices: Sequence[T], right: int) -> list[T]:
    """The right one, then the others in their order. ValueError where there is none of that number: -1 stands for a secret answer."""
    if not 0 <= right < len(choices):
        raise ValueError(f"{right} is none of the {len(choices)} choices")
    return [choices[right], *(choice for number, choice in enumerate(choices) if number != right)]
