"""Held-out answers: the right one of a row against answers of other rows, or the chosen one of a pair against the rejected.

Beside the shares of right choices, what the right answers cost in bits a byte: it moves where small models are still at chance
(OLMES, Gu et al. 2024).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.items import BITS, BY_BYTE, BY_SUM, BY_TOKEN, Item, ItemTask, Measure, Scores, bits_row, by_lot
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import HeldOut

PARTS = {"instructions": "val", "preferences": "test"}


@dataclass(frozen=True)
class Said:
    """A held-out row: what was asked, and its answers, the right one first."""

    id: str
    about: str  # its fact, or the words of the user: rows about the same have right answers in common
    prompt: list[dict[str, str]]
    answers: list[str]


@dataclass(frozen=True, kw_only=True)
class Choice(ItemTask):
    """A task of kind choice. Rows that are longer than the context are left out; bits a byte are those of the right answers."""

    measures: ClassVar[Mapping[str, Measure]] = {"choice": BY_SUM, "choice_by_token": BY_TOKEN, "choice_by_byte": BY_BYTE}

    kind: Literal["choice"]
    rows: Literal["instructions", "preferences"]
    choices: Annotated[int, Field(ge=2)]  # answers, the right one among them; fewer where other rows have no more
    context: PositiveInt  # tokens that the models read

    def __post_init__(self) -> None:
        if self.rows == "preferences" and self.choices != 2:
            raise ValueError(f"choices {self.choices} would have no effect: a preference has 2 answers")

    @property
    def reason(self) -> str:
        return f"no {self.rows} with answers are held out"

    @property
    def more_metrics(self) -> tuple[str, ...]:
        return (BITS,)

    def read(self, task: str, given: HeldOut) -> list[Item]:
        """Held-out rows by lot."""
        table = [_said(one) for one in given.dialogues.rows(self.rows) if one["part"] == PARTS[self.rows]]
        rows = [one for one in table if all(map(str.strip, one.answers))]
        others = _Answers(rows)

        def make(one: Said) -> Item | None:
            wrong = others.near(one, count=4 * (self.choices - 1)) if self.rows == "instructions" else []
            drawn = given.stream(task, one.id).permutation(len(wrong))[: self.choices - 1]
            item = _item(given, one, [*one.answers, *(wrong[number] for number in drawn)])
            return item if item.longest <= self.context else None

        return by_lot(rows, make, count=self.items, seed=given.seed, task=task)

    def more(self, name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> list[Row]:
        """Bits a byte of the right answers, without the token that ends them."""
        return [bits_row(name, task, items, scores, bootstrap)]


class _Answers:
    """The different answers of rows by their length."""

    def __init__(self, rows: Sequence[Said]) -> None:
        self._texts = sorted({one.answers[0] for one in rows}, key=lambda text: (len(text), text))
        self._place = {text: place for place, text in enumerate(self._texts)}
        self._right: dict[str, set[str]] = {}
        for one in rows:
            self._right.setdefault(one.about, set()).add(_plain(one.answers[0]))

    def near(self, one: Said, *, count: int) -> list[str]:
        """Answers of about the length of this row's, so that length does not tell; none that a row about the same is answered with."""
        place, right = self._place[one.answers[0]], self._right[one.about]
        span = count + len(right)
        found = sorted(range(max(0, place - span), min(len(self._texts), place + span + 1)), key=lambda at: (abs(at - place), at))
        return _different([self._texts[at] for at in found], without=right)[:count]


def _said(one: Mapping[str, Any]) -> Said:
    asked = one["prompt"] if "prompt" in one else one["messages"][:-1]
    answers = [one["chosen"], one["rejected"]] if "prompt" in one else [one["messages"][-1]["content"]]
    turns = [_plain(turn["content"]) for turn in asked if turn["role"] == "user"]
    about = one.get("fact") or hashlib.sha256("\n".join(turns).encode()).hexdigest()[:16]
    return Said(one["id"], about, asked, answers)


def _different(texts: Sequence[str], *, without: Collection[str]) -> list[str]:
    """Each but for case and blanks once."""
    found: dict[str, str] = {}
    for text in texts:
        if (plain := _plain(text)) not in without:
            found.setdefault(plain, text)
    return list(found.values())


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _item(given: HeldOut, one: Said, answers: Sequence[str]) -> Item:
    context = given.codec.chat(one.prompt)
    sizes = [len(answer.encode()) for answer in answers]
    return Item(id=one.id, cluster=one.about, context=context, choices=[given.ids(answer) for answer in answers], sizes=sizes)
