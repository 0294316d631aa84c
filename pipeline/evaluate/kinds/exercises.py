"""Held-out exercises of the world's skills: what is written, judged by each skill's rule, beside what costs nothing to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import PositiveInt

from pipeline.core.intervals import Estimate, share
from pipeline.evaluate.items import item_record
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result, room_for
from pipeline.tokens.codec import text_behind
from pipeline.tokens.thinking import answer_in
from pipeline.world.skills.catalogue import SKILLS
from pipeline.world.skills.exercise import Verdict

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RIGHT, FORM, CONTENT = "right", "form", "content"
METRICS = (RIGHT, FORM, CONTENT)
WORDINGS = {"right_known_wording": False, "right_new_wording": True}  # of skills with system prompts that tests alone have
TRIVIAL = "trivial answer"  # a player among the models: the first sentences, always yes, the request said again
NO_EXERCISES = "these dialogues have no exercises: experiment=skills"
NO_ROOM = "no exercise has room for an answer"


class _Asked(NamedTuple):
    row: dict[str, Any]  # of exercises.jsonl
    prompt: list[int]


@dataclass(frozen=True, kw_only=True)
class Exercises:
    """A task of kind exercises."""

    kind: Literal["exercises"]
    items: PositiveInt  # of each skill, at most
    max_new_tokens: PositiveInt  # of an answer

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """Greedy answers: of each skill the share that is right, the share of the form asked for, and how much of the content is right."""
        from pipeline.model.generate import generate  # torch, which the baselines do without

        room = room_for("an exercise", task, module, max_new_tokens=self.max_new_tokens)
        rows, records = list[Row](), list[dict[str, Any]]()
        by_skill = self._read(given)
        for skill, found in by_skill.items():
            asked = [_Asked(one, ids) for one in found if len(ids := given.codec.chat(one["prompt"])) <= room]
            name = f"{task}/{skill}"
            how: dict[str, Any] = {"max_new": self.max_new_tokens, "temperature": 0, "seed": given.seed, "batch": given.batch_size}
            drawn = generate(module, [one.prompt for one in asked], ends=given.codec.turn_ends, **how)
            written = [text_behind(one.prompt, ids, given.codec) for one, ids in zip(asked, drawn, strict=True)]
            verdicts = [SKILLS[skill].judge(answer_in(text), one.row["key"]) for one, text in zip(asked, written, strict=True)]
            rows += _rows(given.name, name, [one.row for one in asked], verdicts, given)
            records += [
                item_record(name, one.row["id"], one.row["cluster"], RIGHT, chance=None)
                | {"messages": one.row["prompt"], "written": text, "answer": one.row["answer"]}
                | _points(verdict)
                for one, text, verdict in zip(asked, written, verdicts, strict=True)
            ]
        return Result(rows=rows or [absent(given.name, task, metric, NO_EXERCISES) for metric in METRICS], records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """Trivial answers, and a guess among all answers of the right form."""
        rows = []
        for skill, found in self._read(given).items():
            verdicts = [SKILLS[skill].judge(one["trivial"], one["key"]) for one in found]
            guess = sum(one["chance"] for one in found) / len(found)
            rows += _rows(TRIVIAL, f"{task}/{skill}", found, verdicts, given)
            rows.append(row(CHANCE, f"{task}/{skill}", RIGHT, Estimate(guess, guess, guess, len(found))))
        return rows

    def _read(self, given: HeldOut) -> dict[str, list[dict[str, Any]]]:
        """The exercises by skill, the first of each."""
        by_skill: dict[str, list[dict[str, Any]]] = {}
        for one in given.dialogues.rows_if_any("exercises"):
            by_skill.setdefault(one["skill"], []).append(one)
        return {skill: found[: self.items] for skill, found in by_skill.items()}


def _rows(player: str, task: str, asked: Sequence[dict[str, Any]], verdicts: Sequence[Verdict], given: HeldOut) -> list[Row]:
    if not asked:
        return [absent(player, task, metric, NO_ROOM) for metric in METRICS]
    points = [_points(one) for one in verdicts]
    scores = {metric: list(zip(asked, [one[metric] for one in points], strict=True)) for metric in METRICS}
    for metric, new in WORDINGS.items():
        scores[metric] = [(one, point) for one, point in scores[RIGHT] if one.get("new_wording") is new]
    return [
        row(player, task, metric, share([point for _, point in some], [one["cluster"] for one, _ in some], bootstrap=given.bootstrap))
        for metric, some in scores.items()
        if some
    ]


def _points(verdict: Verdict) -> dict[str, float]:
    return {RIGHT: float(verdict.right), FORM: float(verdict.form), CONTENT: float(verdict.content)}
