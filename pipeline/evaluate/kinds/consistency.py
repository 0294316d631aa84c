"""Whether a model says the same of a fact early and late in one conversation, other questions in between.

Answers are greedy, and each stands in the conversation when the next question is asked, so that a slip may grow (Laban et al. 2025,
arXiv 2505.06120: models get lost in conversations of many turns).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt

from pipeline.core.intervals import share
from pipeline.core.seed import stream
from pipeline.evaluate.items import item_record
from pipeline.evaluate.kinds.questions import NO_FACTS, Check, values_by_fact
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.codec import text_behind
from pipeline.tokens.thinking import answer_in
from pipeline.world.judge import judge

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONSISTENT, FIRST, LAST, OUTGROWN = "consistent", "right_first", "right_last", "outgrown"
METRICS = (CONSISTENT, FIRST, LAST, OUTGROWN)
ONE_FACT = "there is no other fact to ask about in between"
NO_ROOM = "no conversation has room for so many turns: a longer model.context, or fewer turns"
_FEWEST = 2  # facts: that which is asked again, and one in between
_WORD = re.compile(r"\w+")


@dataclass
class _Talk:
    """A conversation about many facts, one of which is asked for again and again."""

    fact: str
    check: Check
    values: frozenset[str]  # that the relation has
    questions: list[str]  # by turn
    again: Sequence[int]  # turns that ask for the fact
    messages: list[dict[str, str]] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """The answers to the turns about the fact."""
        answers = [message["content"] for message in self.messages if message["role"] == "assistant"]
        return [answers[turn] for turn in self.again]

    @property
    def named(self) -> list[frozenset[str]]:
        """Which of the values that the fact could have stand in each of them."""
        values = self.values - {self.check.subject}
        return [frozenset(values.intersection(_WORD.findall(text))) for text in self.said]

    @property
    def consistent(self) -> bool:
        """They all name the same, and one value each."""
        return len(self.named[0]) == 1 and len(set(self.named)) == 1

    def right(self, which: int) -> bool:
        """Whether the first (0) or the last (-1) of them is right."""
        return judge(self.said[which], self.check.value, self.check.choices, subject=self.check.subject).right


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """A task of kind consistency."""

    kind: Literal["consistency"]
    conversations: PositiveInt  # each about another fact, at most
    turns: Annotated[int, Field(ge=3)]  # questions of each; the first, the last and the one in the middle ask for the same fact
    max_new_tokens: PositiveInt  # of an answer

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Turn by turn, all conversations at once; those that outgrow what the model reads are counted and left out."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        planned = self._planned(task, given)
        if not planned:
            reason = ONE_FACT if given.dialogues.has("questions.jsonl") else NO_FACTS
            return Result(rows=[absent(given.name, task, metric, reason) for metric in METRICS])
        talks, room = planned, int(module.config.max_position_embeddings) - self.max_new_tokens
        how: dict[str, Any] = {"max_new": self.max_new_tokens, "temperature": 0, "seed": given.seed, "batch": given.batch_size}
        for turn in range(self.turns):
            for one in talks:
                one.messages.append({"role": "user", "content": one.questions[turn]})
            prompts = [given.codec.chat(one.messages) for one in talks]
            fitting = [(one, ids) for one, ids in zip(talks, prompts, strict=True) if len(ids) <= room]
            drawn = generate(module, [ids for _, ids in fitting], ends=given.codec.turn_ends, **how)
            talks = [one for one, _ in fitting]
            for (one, prompt), ids in zip(fitting, drawn, strict=True):
                said = answer_in(text_behind(prompt, ids, given.codec))
                one.messages.append({"role": "assistant", "content": said})
        rows = [_row(given, task, OUTGROWN, planned, [one not in talks for one in planned])]
        if not talks:
            return Result(rows=[*(absent(given.name, task, metric, NO_ROOM) for metric in METRICS[:-1]), *rows])
        points = {CONSISTENT: [one.consistent for one in talks]} | {
            metric: [one.right(which) for one in talks] for metric, which in ((FIRST, 0), (LAST, -1))
        }
        records = [
            item_record(task, one.fact, one.fact, CONSISTENT, chance=None)
            | {"messages": one.messages}
            | {metric: float(some[number]) for metric, some in points.items()}
            for number, one in enumerate(talks)
        ]
        return Result(rows=[*(_row(given, task, metric, talks, some) for metric, some in points.items()), *rows], records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: who always says the same is consistent, and hardly ever right."""
        return []

    def _planned(self, task: str, given: HeldOut) -> list[_Talk]:
        """The same conversations for every model: facts by lot, and between their questions those of other facts."""
        by_fact: dict[str, list[dict[str, Any]]] = {}
        for one in given.dialogues.rows_if_any("questions"):
            by_fact.setdefault(one["fact"], []).append(one)
        if len(by_fact) < _FEWEST:
            return []
        values = values_by_fact(given.dialogues)
        order = [list(by_fact)[int(number)] for number in given.stream(task, "facts").permutation(len(by_fact))]
        return [self._talk(fact, by_fact, values[fact], stream(given.seed, "task", task, fact)) for fact in order[: self.conversations]]

    def _talk(self, fact: str, by_fact: dict[str, list[dict[str, Any]]], values: frozenset[str], generator: Any) -> _Talk:
        again, others = (0, self.turns // 2, self.turns - 1), [name for name in by_fact if name != fact]
        asked = [by_fact[others[int(place)]][0] for place in generator.integers(len(others), size=self.turns)]
        for number, turn in enumerate(again):
            asked[turn] = by_fact[fact][number % len(by_fact[fact])]
        check = Check(**{name: asked[0][name] for name in ("subject", "value", "choices")})
        return _Talk(fact, check, values, [one["prompt"][-1]["content"] for one in asked], again)


def _row(given: Examined, task: str, metric: str, talks: Sequence[_Talk], hits: Sequence[bool]) -> Row:
    return row(given.name, task, metric, share([float(hit) for hit in hits], [one.fact for one in talks], bootstrap=given.bootstrap))
