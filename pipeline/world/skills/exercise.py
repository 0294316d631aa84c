"""What a skill is: it makes exercises from facts of the world, and judges any answer to them by a rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.core.seed import seed_of
from pipeline.world.books import BookShape, Rng, Writer
from pipeline.world.facts import Fact, Facts

Message = dict[str, str]
Key = dict[str, Any]  # plain JSON

HELD_OUT_LAST = 2  # of phrases and wordings
_HELD_OUT = 4  # one in so many of what is no fact


@dataclass(frozen=True)
class Exercise:
    """One thing to do, with a right answer and what an answer is judged by."""

    cluster: str  # those of one tell no more than one of them
    messages: list[Message]  # end with the user's; a system message may stand before
    answer: str
    trivial: str  # what can be said without knowing or doing anything
    chance: float  # of being right by a guess among all answers of the right form, 0..1
    key: Key
    breach: str = ""  # the answer that the system prompt forbids; empty: it forbids none
    half: str = ""  # which of two kinds of answers it asks for, of which there are to be as many; empty: there are no two


@dataclass(frozen=True)
class Verdict:
    """Whether an answer has the form that was asked for, and how much of its content is right, 0..1."""

    form: bool
    content: float

    @property
    def right(self) -> bool:
        """The form, and all that was asked for and nothing else."""
        return self.form and self.content == 1


@dataclass(frozen=True)
class Material:
    """What exercises are made of."""

    facts: Facts
    asked: tuple[Fact, ...]  # facts that they may be about: trained ones, or held-out ones
    systems: tuple[str, ...]  # system messages, one of them empty: none; of exercises that bring none of their own
    held_out: bool  # whether the facts, names and numbers are those of tests
    new_wording: bool  # whether system prompts and attacks are worded as in tests alone

    @cached_property
    def writer(self) -> Writer:
        """Writes short paragraphs of this world."""
        shape = BookShape(
            chapters=(1, 1), paragraphs=(1, 1), min_sentences=3, continue_probability=0.5, fact_share=0.5
        )  # half of its sentences are left out: passages bring facts of their own
        return Writer(self.facts, shape)

    def mine(self, *what: str) -> bool:
        """Whether this, which is no fact, is for these exercises: a fixed quarter is held out."""
        return (seed_of(0, "skill", *what) % _HELD_OUT == 0) == self.held_out

    def mine_of(self, options: Sequence[str], rng: Rng) -> str:
        """One of several phrases; the last two are held out."""
        return rng.choice(options[-HELD_OUT_LAST:] if self.held_out else options[:-HELD_OUT_LAST])

    def wording(self, options: Sequence[str], rng: Rng) -> str:
        """One of several wordings of the same; the last two are new ones."""
        return rng.choice(options[-HELD_OUT_LAST:] if self.new_wording else options[:-HELD_OUT_LAST])

    def key_of(self, fact: Fact) -> Key:
        """What an answer about the fact is judged by: the arguments of the world's judge."""
        choices = [value for value in self.facts.values(fact.relation) if value != fact.subject]
        return {"subject": fact.subject, "value": fact.value, "choices": choices}

    def value_beside(self, fact: Fact, rng: Rng) -> str:
        """A value that the relation could have, and that is not the subject's."""
        return rng.choice([value for value in self.facts.values(fact.relation) if value not in (fact.value, fact.subject)])


@dataclass(frozen=True)
class Skill:
    """One skill. `make` draws an exercise; `judge` reads an answer and the exercise's key."""

    make: Callable[[Material, Rng], Exercise]
    judge: Callable[[str, Mapping[str, Any]], Verdict]
    worded: bool = False  # exercises have wordings that tests alone have
