"""A written constitution judges answers: critique, revision, pairs (Bai et al. 2022, arXiv 2212.08073; RLAIF).

A principle is a sentence for a model that reads it, and a rule for the embedded judge, which needs none.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, Protocol

from pydantic import NonNegativeFloat, PositiveFloat

from pipeline.align.best_of_n import Row, pair
from pipeline.align.candidates import Answer, Answered, Candidates
from pipeline.align.rejection import instruction
from pipeline.align.training_prompts import Message, Prompt
from pipeline.core.bounds import Regex

KEPT, NO_GAIN, NO_ANSWER = "no_principle_broken", "revision_breaks_as_much", "no_usable_answer"  # reasons why there is no revision
LETTERS = 4  # of a word that says what a question is about, where no name does
CRITIQUE = (
    "A principle: {principle}\n\n{conversation}\n\nThe answer to judge:\n{answer}\n\n"
    "Does the answer break the principle? Begin with Yes or No, then say why in one sentence."
)
REVISION = (
    "These principles are broken by an answer:\n{principles}\n\n{conversation}\n\nThe answer:\n{answer}\n\n"
    "Write the answer again so that it keeps the principles. Write nothing but the new answer."
)
_VERDICT = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Principle:
    """One sentence of the constitution."""

    text: str  # for a model that reads it
    weight: PositiveFloat  # of the score, that an answer loses which breaks it
    rule: Literal["requires", "forbids", "answers_the_question", "no_repetition"]  # of the embedded judge
    pattern: Regex | None  # of requires and forbids, searched in the answer

    def __post_init__(self) -> None:
        if (self.pattern is None) == (self.rule in ("requires", "forbids")):
            raise ValueError(f"rule {self.rule} {'needs a' if self.pattern is None else 'reads no'} pattern")

    def holds(self, question: str, answer: str) -> bool:
        """Whether the answer keeps it, by the rule."""
        match self.rule:
            case "requires":
                return re.search(self.pattern or "", answer) is not None
            case "forbids":
                return re.search(self.pattern or "", answer) is None
            case "answers_the_question":
                about = _about(question)
                return not about or not about.isdisjoint(word.casefold() for word in _WORD.findall(answer))
            case "no_repetition":
                words = _WORD.findall(answer.casefold())
                return all(one != other for one, other in pairwise(words))


Principles = Mapping[str, Principle]


@dataclass(frozen=True, kw_only=True)
class Constitution(Candidates):
    """What the maker adds."""

    critic: Literal["rules", "model"]
    principles: dict[str, Principle]
    margin: NonNegativeFloat  # by which a revision must break less, in weights

    def __post_init__(self) -> None:
        if not self.principles:
            raise ValueError("principles is empty: nothing could be criticised")


class Chat(Protocol):
    """A model that is asked in words."""

    def said(self, asked: Sequence[str]) -> list[str]:
        """Its answer to each."""
        ...


@dataclass(frozen=True)
class ByPrinciples:
    """The embedded critic: the rules of the principles. Its revision is the answer that breaks least."""

    principles: Principles

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        """Less the weights of what is broken."""
        return [self._verdict(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        """The best of the answers stands for the worst."""
        return [replace(one, revised=max(one.usable, key=lambda answer: answer.worth)) if one.usable else one for one in answered]

    def _verdict(self, prompt: Prompt, answer: Answer) -> Answer:
        question = prompt.messages[-1]["content"]
        broken = {name: one.text for name, one in self.principles.items() if not one.holds(question, answer.text)}
        return scored(answer, broken, self.principles)


@dataclass(frozen=True)
class ByModel:
    """A chat model reads each principle, says whether an answer breaks it, and writes the worst answer again."""

    principles: Principles
    chat: Chat

    def judged(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[Answer]:
        """Less the weights of what it says is broken; words without Yes or No break nothing, and are counted."""
        asked = [
            CRITIQUE.format(principle=principle.text, conversation=conversation(prompt.messages), answer=answer.text)
            for prompt, answer in zip(prompts, answers, strict=True)
            for principle in self.principles.values()
        ]
        words, size = self.chat.said(asked), len(self.principles)
        rows = [words[start : start + size] for start in range(0, len(words), size)]
        return [self._verdict(answer, row) for answer, row in zip(answers, rows, strict=True)]

    def _verdict(self, answer: Answer, words: Sequence[str]) -> Answer:
        broken = {name: text for name, text in zip(self.principles, words, strict=True) if _breaks(text)}
        return replace(scored(answer, broken, self.principles), unread=sum(_breaks(text) is None for text in words))

    def revised(self, answered: Sequence[Answered]) -> list[Answered]:
        """The worst answer of each prompt written again, after the same thought, and judged again."""
        worst = [(one, min(one.usable, key=lambda answer: answer.worth)) for one in answered if one.usable]
        wrong = [(one, answer) for one, answer in worst if answer.broken]
        asked = [
            REVISION.format(
                principles="\n".join(f"- {self.principles[name].text}" for name in answer.broken),
                conversation=conversation(one.prompt.messages),
                answer=answer.text,
            )
            for one, answer in wrong
        ]
        texts = [text.strip() for text in self.chat.said(asked)] if asked else []
        again = [Answer(text, [], None, thought=answer.thought) for text, (_, answer) in zip(texts, wrong, strict=True)]
        judged = self.judged([one.prompt for one, _ in wrong], again) if wrong else []
        new = {one.prompt.id: answer for (one, _), answer in zip(wrong, judged, strict=True) if answer.text}
        return [replace(one, revised=new.get(one.prompt.id)) for one in answered]


def scored(answer: Answer, broken: Mapping[str, str], principles: Principles) -> Answer:
    """The answer with the principles that it breaks, and what the critic says of each."""
    return replace(answer, score=0.0 - sum(principles[name].weight for name in broken), broken=dict(broken))


def conversation(messages: Sequence[Message]) -> str:
    """The messages as a model reads them that is asked about them, system prompt included."""
    return "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in messages)


def revisions(gathered: Sequence[Answered], *, margin: float) -> tuple[list[Row], list[Row], dict[str, Any]]:
    """Rows of preferences.jsonl, the revision against the worst answer; of instructions.jsonl, the revisions; and why there are no more.

    A revision counts where it breaks less, by more than the margin.
    """
    preferences, instructions, left = [], [], Counter[str]()
    for one in gathered:
        reason, worst = _lacks(one, margin)
        if reason is not None or worst is None or one.revised is None:
            left[reason or NO_ANSWER] += 1
            continue
        preferences.append(pair(one, one.revised, worst, kind="constitution"))
        instructions.append(instruction(one, one.revised, 0))
    return preferences, instructions, {"made": len(preferences), "left_out": dict(sorted(left.items()))}


def critiques(gathered: Sequence[Answered]) -> list[Row]:
    """For critiques.jsonl: the worst answer to each prompt, what it breaks, and its revision with what it still breaks."""
    rows = []
    for one in gathered:
        if one.usable:
            worst, revised = min(one.usable, key=lambda answer: answer.worth), one.revised
            told = {"id": one.prompt.id, "prompt": one.prompt.messages, "answer": worst.text, "broken": worst.broken}
            rows.append(told | {"revision": revised and revised.text, "revision_broken": revised and revised.broken})
    return rows


def broken_shares(gathered: Sequence[Answered], principles: Principles) -> dict[str, Any]:
    """The share of the usable answers that break each principle, and of the verdicts that could not be read; nothing without answers."""
    usable = [answer for one in gathered for answer in one.usable]
    if not usable:
        return {}
    broken = {name: sum(name in answer.broken for answer in usable) / len(usable) for name in principles}
    return {"broken": broken, "unread": sum(answer.unread for answer in usable) / (len(usable) * len(principles))}


def _lacks(one: Answered, margin: float) -> tuple[str | None, Answer | None]:
    """Why a prompt gives no pair, if so, and its worst answer."""
    if not one.usable:
        return NO_ANSWER, None
    worst = min(one.usable, key=lambda answer: answer.worth)
    if not worst.broken:
        return KEPT, worst
    if one.revised is None or one.revised.worth - worst.worth <= margin:
        return NO_GAIN, worst
    return None, worst


def _breaks(text: str) -> bool | None:
    """Whether a critic says so; None where it says neither Yes nor No."""
    found = _VERDICT.match(text)
    return None if found is None else found[1].casefold() == "yes"


def _about(question: str) -> set[str]:
    """Words that say what a question is about: names, which don't begin it; where it has none, long words."""
    words = _WORD.findall(question)
    names = {word.casefold() for word in words[1:] if word[0].isupper()}
    return names or {word.casefold() for word in words if len(word) >= LETTERS}
