"""Several sampled answers to each question: what most of them say, the likeliest of them, whether any is right, by how many there are.

Majority: Wang et al. 2022 (arXiv 2203.11171); whether any is right: Brown et al. 2024 (arXiv 2407.21787). The contest adds the one that
the reward model finds best (evaluate/best_of.py), of the same draws.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pipeline.core.bounds import Fraction
from pipeline.core.intervals import Bootstrap, share
from pipeline.core.seed import seed_of
from pipeline.evaluate.items import item_record
from pipeline.evaluate.kinds.questions import NO_FACTS, Question, questions, values_by_fact
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.evaluate.votes import grouped, majority
from pipeline.tokens.dialogues import CONTEXT, Room
from pipeline.tokens.thinking import answer_in

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAJORITY, LIKELIEST, ANY = "majority", "likeliest", "any"
METRICS = (MAJORITY, LIKELIEST, ANY)
Draw = Mapping[str, Any]  # an answer as answers.jsonl has it, with the value that it names
_WORD = re.compile(r"\w+")


def _of_most(draws: Sequence[Draw], value: str) -> bool:
    return majority([one["named"] for one in draws]) == value


def _likeliest(draws: Sequence[Draw], value: str) -> bool:
    return bool(max(draws, key=lambda one: one["nats"])["right"])


def _any(draws: Sequence[Draw], value: str) -> bool:
    return any(one["right"] for one in draws)


_POINTS: dict[str, Callable[[Sequence[Draw], str], bool]] = {MAJORITY: _of_most, LIKELIEST: _likeliest, ANY: _any}


@dataclass(frozen=True, kw_only=True)
class Several:
    """A task of kind several."""

    kind: Literal["several"]
    held_out: PositiveInt  # questions about facts that no instruction told, at most
    answers: Annotated[int, Field(ge=2)]  # to each question, at most
    temperature: PositiveFloat  # at which they are drawn
    max_dropped: Fraction  # share of the questions that may have no room
    max_new_tokens: PositiveInt  # of an answer

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Of the first 1, 2, 4 ... draws each."""
        from pipeline.evaluate.answers import answer, nats_of  # torch, which the baselines do without

        context, spare = int(module.config.max_position_embeddings), self.max_new_tokens
        room = Room(tokens=context - spare, key=CONTEXT, max_dropped=self.max_dropped, context=context, spare=spare)
        asked = questions(given.dialogues, given.codec, held_out=self.held_out, trained=0, room=room, seed=given.seed)
        asked = [one for one in asked if one.check is not None]
        if not asked:
            return Result(rows=[absent(given.name, f"{task}/1", metric, NO_FACTS) for metric in METRICS])
        each = [one for one in asked for _ in range(self.answers)]
        how: dict[str, Any] = {"max_new": spare, "temperature": self.temperature, "batch": given.batch_size}
        found = answer(module, given.codec, each, seed=seed_of(given.seed, "several", task), **how)
        nats = nats_of(module, each, found, batch=given.batch_size)
        said = [one.as_json() | {"nats": cost} for one, cost in zip(found, nats, strict=True)]
        values = values_by_fact(given.dialogues)
        named = [_named(one, answer_in(drawn.text), values[one.cluster]) for one, drawn in zip(each, found, strict=True)]
        draws = [one | {"named": value} for one, value in zip(said, named, strict=True)]
        records = [
            item_record(task, one.id, one.cluster, MAJORITY, chance=None)
            | {"messages": one.messages, "value": one.check.value if one.check else None, "draws": some}
            for one, some in zip(asked, grouped(draws, self.answers), strict=True)
        ]
        for record in records:
            record[MAJORITY] = float(_of_most(record["draws"], record["value"]))
        return Result(rows=[one for metric in METRICS for one in self._rows(task, metric, records, given)], records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None: a single draw is what several are compared with."""
        return []

    def _rows(self, task: str, metric: str, records: Sequence[Mapping[str, Any]], given: Examined) -> list[Row]:
        return rows_by_size(given.name, task, metric, records, lambda one, some: _POINTS[metric](some, one["value"]), given.bootstrap)


def rows_by_size(
    name: str,
    task: str,
    metric: str,
    records: Sequence[Mapping[str, Any]],
    right: Callable[[Mapping[str, Any], Sequence[Draw]], bool],
    bootstrap: Bootstrap,
) -> list[Row]:
    """A row for the first 1, 2, 4 ... and all draws of each record, under the task's name with that number behind it."""
    most = len(records[0]["draws"])
    sizes = [*(size for size in (1 << power for power in range(most.bit_length())) if size < most), most]
    clusters = [one["cluster"] for one in records]
    points = {size: [float(right(one, one["draws"][:size])) for one in records] for size in sizes}
    return [row(name, f"{task}/{size}", metric, share(some, clusters, bootstrap=bootstrap)) for size, some in points.items()]


def _named(question: Question, text: str, values: frozenset[str]) -> str:
    """The one of all values of the relation that an answer of the right form names for the subject; nothing where it names none, or
    several."""
    verdict, check = question.judge(text), question.check
    if verdict is None or check is None or verdict.garbled:
        return ""
    words = _WORD.findall(text)
    [*named] = (values - {check.subject}).intersection(words)
    return named[0] if len(named) == 1 and check.subject in words else ""
