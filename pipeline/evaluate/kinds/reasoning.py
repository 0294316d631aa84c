"""What thinking is worth: accuracy against a thinking budget, and what a model does when nobody tells it how long to think.

A budget is forced (Muennighoff et al. 2025, arXiv 2501.19393): a thought is opened for the model, and closed after so many tokens at
most; with 0 it answers at once. Left alone, the model decides itself whether to think; then the length of its thoughts by difficulty shows
whether it thinks longer where that is needed, and the steps of its sums show how often it slips and notices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.intervals import mean, share
from pipeline.evaluate.items import by_lot, item_record
from pipeline.evaluate.table import Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result
from pipeline.tokens.special import THINK
from pipeline.tokens.thinking import Budget, Thinking, answer_in, think_ids, thought_in
from pipeline.world.reasoning import ends_in, steps_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

METRICS = ACCURACY, THINKS, TOKENS, SLIPPED, MENDED = "accuracy", "thinks", "tokens", "slipped", "mended"
BUDGET = "budget_"  # before the tokens of one: a part of the task
NO_QUESTIONS = "these dialogues have no questions that take steps: experiment=reasoning"
NO_TOKENS = f"the model's vocabulary has no {THINK}"
NO_STEPS, NO_SLIP = "no sum was worked out in steps", "no step was wrong"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, and the last word of its right answer."""

    id: str
    cluster: str  # the same sum, or the same person
    difficulty: str
    messages: list[dict[str, str]]
    prompt: list[int]
    final: str


@dataclass(frozen=True, kw_only=True)
class Reasoned:
    """What was written in answer to one."""

    asked: Asked
    text: str  # thought and answer
    tokens: int  # of the thought; 0 where nothing was thought

    @property
    def right(self) -> bool:
        """By what is said behind the thought."""
        return ends_in(answer_in(self.text), word=self.asked.final)


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    """A task of kind reasoning."""

    kind: Literal["reasoning"]
    items: PositiveInt  # questions of each difficulty, at most
    budgets: Annotated[tuple[Budget, ...], Field(min_length=1)]  # tokens of thought, each a run; rising
    temperature: NonNegativeFloat  # 0: greedy
    max_new_tokens: PositiveInt  # of an answer, beside its thought

    def __post_init__(self) -> None:
        if list(self.budgets) != sorted(set(self.budgets)):
            raise ValueError(f"budgets {list(self.budgets)} do not rise: {sorted(set(self.budgets))} do")

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """One run at each budget with a thought begun for the model, and one in which it begins by itself, with the largest."""
        if (around := think_ids(given.codec.tokenizer)) is None or not given.dialogues.has("reasoning.jsonl"):
            reason = NO_TOKENS if around is None else NO_QUESTIONS
            return Result(rows=[absent(given.name, task, metric, reason) for metric in METRICS])
        room = int(module.config.max_position_embeddings) - self._room(self.budgets[-1]) - 1
        if not (asked := self._read(task, given, room=room)):
            message = f"tasks.{task}.budgets, up to {self.budgets[-1]}, leave no room for a question"
            raise PipelineError(message, mend=f"smaller tasks.{task}.budgets, or a larger model.context")
        opening, closing = around
        rows = list[Row]()
        for budget in self.budgets:
            opened = [replace(one, prompt=[*one.prompt, opening]) for one in asked]
            forced = self._written(module, opened, Thinking(opening=opening, closing=closing, budget=budget), given)
            rows += _rows(f"{task}/{BUDGET}{budget}", forced, given, (ACCURACY, TOKENS))
        free = self._written(module, asked, Thinking(opening=opening, closing=closing, budget=self.budgets[-1]), given)
        rows += _rows(task, free, given, METRICS)
        for difficulty in dict.fromkeys(one.difficulty for one in asked):
            some = [one for one in free if one.asked.difficulty == difficulty]
            rows += _rows(f"{task}/{difficulty}", some, given, (ACCURACY, THINKS, TOKENS))
        return Result(rows=rows, records=[_record(task, one) for one in free])

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """None."""
        return []

    def _room(self, budget: int) -> int:
        """Tokens that may be written: the thought, what closes it, and the answer."""
        return budget + 1 + self.max_new_tokens

    def _read(self, task: str, given: Examined, *, room: int) -> list[Asked]:
        lines: dict[str, list[dict[str, Any]]] = {}
        for line in given.dialogues.rows("reasoning"):
            lines.setdefault(line["difficulty"], []).append(line)

        def read(line: dict[str, Any]) -> Asked | None:
            prompt = given.codec.chat(line["prompt"])
            told: dict[str, Any] = {"messages": line["prompt"]} | {key: line[key] for key in ("id", "cluster", "difficulty", "final")}
            return Asked(prompt=prompt, **told) if len(prompt) <= room else None

        parts = [by_lot(some, read, count=self.items, seed=given.seed, task=f"{task} {name}") for name, some in lines.items()]
        return [one for part in parts for one in part]

    def _written(self, module: "PreTrainedModel", asked: Sequence[Asked], thinking: Thinking, given: Examined) -> list[Reasoned]:
        """What the model writes within a budget."""
        from pipeline.model.generate import think  # torch, which the baselines do without

        begun = all(one.prompt[-1] == thinking.opening for one in asked)
        room = self._room(thinking.budget) + (not begun)  # who begins alone writes what opens a thought
        prompts = [one.prompt for one in asked]
        how: dict[str, Any] = {"temperature": self.temperature, "seed": given.seed, "batch": given.batch_size}
        written = think(module, prompts, thinking, max_new=room, ends=given.codec.turn_ends, **how)
        tokenizer = given.codec.tokenizer
        first = [thinking.opening] if begun else []
        return [
            Reasoned(asked=one, text=tokenizer.decode([*first, *ids], skip_special_tokens=False), tokens=_thought([*first, *ids], thinking))
            for one, ids in zip(asked, written, strict=True)
        ]


def _thought(ids: Sequence[int], thinking: Thinking) -> int:
    """Tokens between the two, of all thoughts."""
    tokens, within = 0, False
    for one in ids:
        within = one == thinking.opening or (within and one != thinking.closing)
        tokens += within and one != thinking.opening
    return tokens


def _rows(task: str, found: Sequence[Reasoned], given: Examined, metrics: Sequence[str]) -> list[Row]:
    """The figures of some answers, with intervals over clusters."""
    steps = [(one, steps) for one in found if (steps := steps_of(thought_in(one.text))) is not None]
    points = {
        ACCURACY: [(one, float(one.right)) for one in found],
        THINKS: [(one, float(one.tokens > 0)) for one in found],
        TOKENS: [(one, float(one.tokens)) for one in found],
        SLIPPED: [(one, float(told.wrong > 0)) for one, told in steps],
        MENDED: [(one, float(told.mended == told.wrong)) for one, told in steps if told.wrong],
    }
    reasons = {SLIPPED: NO_STEPS, MENDED: NO_SLIP if steps else NO_STEPS}
    rows = []
    for metric in metrics:
        if not (some := points[metric]):
            rows.append(absent(given.name, task, metric, reasons[metric]))
            continue
        values, clusters = [value for _, value in some], [one.asked.cluster for one, _ in some]
        estimate = (mean if metric == TOKENS else share)(values, clusters, bootstrap=given.bootstrap)
        rows.append(row(given.name, task, metric, estimate))
    return rows


def _record(task: str, one: Reasoned) -> dict[str, Any]:
    head = item_record(task, one.asked.id, one.asked.cluster, ACCURACY, chance=None)
    told: dict[str, Any] = {"messages": one.asked.messages, "written": one.text, "tokens": one.tokens, "difficulty": one.asked.difficulty}
    return head | told | {ACCURACY: float(one.right)}
