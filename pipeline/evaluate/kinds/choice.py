"""Held-out answers: the right one of a row against answers of other rows, or the chosen one of a pair against the rejected.

Beside the shares of right choices, what the right answers cost in bits a byte: it moves where small models are still at chance
(OLMES, Gu et al. 2024).
"""

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt

from pipeline.core.intervals import Bootstrap, ratio
from pipeline.core.seed import stream
from pipeline.evaluate.items import (
    BY_BYTE,
    BY_SUM,
    BY_TOKEN,
    Item,
    Scores,
    chance_rows,
    nothing,
    score_by_counting,
    score_by_model,
    share_rows,
    some,
)
from pipeline.evaluate.table import Row, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.chat import encode_chat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEASURES = {"choice": BY_SUM, "choice_by_token": BY_TOKEN, "choice_by_byte": BY_BYTE}
BITS = "bits_per_byte"
PARTS = {"instructions": "val", "preferences": "test"}
Said = tuple[Mapping[str, Any], list[dict[str, str]], list[str]]  # a row, its prompt, and the answers: the right one first


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A task of kind choice."""

    kind: Literal["choice"]
    rows: Literal["instructions", "preferences"]
    items: PositiveInt  # at most
    choices: Annotated[int, Field(ge=2)]  # answers, the right one among them; of preferences there are two
    context: PositiveInt  # tokens that the models read; longer rows are left out
    ngram: Annotated[int, Field(ge=1, le=4)]  # tokens of the n-gram baseline

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Shares of right choices, and bits a byte of the right answers."""
        if not (items := self.read(task, given)):
            return Result(rows=nothing(given.name, task, [*MEASURES, BITS], self._reason))
        scores = score_by_model(module, items, batch=given.batch_size)
        rows, records = share_rows(given.name, task, items, scores, MEASURES, given.bootstrap)
        return Result(rows=[*rows, _bits(given.name, task, items, scores, given.bootstrap)], records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The n-gram model of the training text on the same items, and chance."""
        if not (items := self.read(task, given)):
            return []
        name, scores = f"{self.ngram}-gram", score_by_counting(given.ngram(self.ngram), items, greedy=False)
        rows, _ = share_rows(name, task, items, scores, MEASURES, given.bootstrap)
        return [*rows, _bits(name, task, items, scores, given.bootstrap), *chance_rows(task, items, list(MEASURES))]

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """The items: a seeded choice of the held-out rows that fit into the context and have something to choose from."""
        table = [one for one in given.dialogues.rows(self.rows) if one["part"] == PARTS[self.rows]]
        said = self._pairs(table) if self.rows == "preferences" else self._among(table, seed=given.seed, task=task)
        items = [_item(*one, given) for one in said]
        fitting = [item for item in items if len(item.context) + max(map(len, item.choices)) <= self.context]
        return some(fitting, self.items, seed=given.seed, task=task)

    def _pairs(self, table: Sequence[Mapping[str, Any]]) -> Iterator[Said]:
        for one in table:
            if one["chosen"] and one["rejected"]:
                yield one, one["prompt"], [one["chosen"], one["rejected"]]

    def _among(self, table: Sequence[Mapping[str, Any]], *, seed: int, task: str) -> Iterator[Said]:
        """Each row's last answer, and what other prompts are answered with, of about its length: so length does not tell."""
        answers = sorted({_last(one) for one in table} - {""}, key=lambda text: (len(text), text))
        right_for: dict[str, set[str]] = {}
        for one in table:
            right_for.setdefault(repr(one["messages"][:-1]), set()).add(_last(one))
        place_of = {text: place for place, text in enumerate(answers)}
        for one in table:
            right, prompt = _last(one), one["messages"][:-1]
            wrong = _nearest(answers, place_of.get(right), without=right_for[repr(prompt)], count=4 * (self.choices - 1))
            if right and wrong:
                others = stream(seed, task, one["id"]).permutation(len(wrong))[: self.choices - 1]
                yield one, prompt, [right, *(wrong[number] for number in others)]

    @property
    def _reason(self) -> str:
        return f"no {self.rows} are held out that can be chosen between"


def _last(one: Mapping[str, Any]) -> str:
    text: str = one["messages"][-1]["content"]
    return text


def _nearest(answers: Sequence[str], place: int | None, *, without: Collection[str], count: int) -> list[str]:
    """The texts that stand nearest to a place, on both sides, `count` at most."""
    if place is None:
        return []
    span = count + len(without)
    near = sorted(range(max(0, place - span), min(len(answers), place + span + 1)), key=lambda other: (abs(other - place), other))
    return [answers[other] for other in near if answers[other] not in without][:count]


def _item(one: Mapping[str, Any], prompt: list[dict[str, str]], answers: Sequence[str], given: HeldOut) -> Item:
    context, _ = encode_chat(prompt, given.tokenizer, add_generation_prompt=True)
    return Item(
        id=one["id"],
        cluster=one.get("fact") or hashlib.sha256(repr(prompt).encode()).hexdigest()[:16],
        context=context,
        choices=[given.ids(answer) for answer in answers],
        sizes=[len(answer.encode()) for answer in answers],
    )


def _bits(name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> Row:
    """Of the right answers, without the token that ends them; rows of one cluster are drawn together."""
    costs: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for item, (right, *_) in zip(items, scores, strict=True):
        costs[item.cluster] = costs.get(item.cluster, 0.0) - right.nats / math.log(2)
        sizes[item.cluster] = sizes.get(item.cluster, 0) + item.sizes[0]
    return row(name, task, BITS, ratio(list(costs.values()), list(sizes.values()), bootstrap=bootstrap))
