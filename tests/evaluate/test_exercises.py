"""Exercises of the world's skills: what is counted, on answers that are given."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_jsonl
from pipeline.evaluate.kinds.exercises import METRICS, NO_EXERCISES, NO_ROOM, Exercises
from pipeline.evaluate.table import Row
from pipeline.evaluate.task import Examined
from pipeline.model.disk import load
from pipeline.report.blocks import Absent, Table
from pipeline.report.score_table import ScoreTable
from pipeline.report.skills import TABLES, skill_blocks

TASK = Exercises(kind="exercises", items=4, max_new_tokens=8)


@pytest.fixture
def asked(given: Callable[..., Examined], folder: Any) -> Examined:
    """Five questions for yes or no, all of them Yes, the third one longer than the model reads."""
    target = Dialogues(folder)
    with target.writing() as draft:
        rows = [
            {"id": f"yes_no:{number}", "skill": "yes_no", "cluster": f"c{number}", "answer": "Yes.", "trivial": "No.", "chance": 0.5}
            | {"prompt": [{"role": "user", "content": "Ada " * (200 if number == 2 else 1 + number)}], "key": {"answer": "Yes."}}
            | {"new_wording": number > 0}
            for number in range(5)
        ]
        draft.facts["exercises"] = write_jsonl(draft.path / "exercises.jsonl", rows)
    return given("sft", target)


def test_right_and_form_are_shares_of_what_has_room(asked: Examined, models: dict[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["<think>No.</think>Yes.", "No.", "Oakham"])
    encode = asked.tokenizer.encode
    monkeypatch.setattr("pipeline.model.generate.generate", lambda module, prompts, **how: [encode(next(said)).ids for _ in prompts])
    found = TASK.examine("skills", load(models["sft"], device="cpu"), asked)
    values = {row.metric: row.estimate for row in found.rows if row.estimate}
    assert {row.task for row in found.rows} == {"skills/yes_no"}
    assert {metric: estimate.value for metric, estimate in values.items()} == pytest.approx(
        {"right": 1 / 3, "form": 2 / 3, "content": 1 / 3, "right_known_wording": 1.0, "right_new_wording": 0.0}
    )
    assert [record["right"] for record in found.records] == [1.0, 0.0, 0.0]
    assert {(record["known_by"], record["chance"]) for record in found.records} == {("right", None)}, "a rule judges: no part of core"


def test_beside_a_model_stand_the_trivial_answer_and_chance(asked: Examined) -> None:
    rows = {(row.model, row.metric): row.estimate.value for row in TASK.baselines("skills", asked) if row.estimate}
    nothing = ("right", "content", "right_known_wording", "right_new_wording")
    trivial = {("trivial answer", metric): 0.0 for metric in nothing}
    assert rows == trivial | {("trivial answer", "form"): 1.0, ("chance", "right"): 0.5}


def test_the_page_has_a_table_a_metric_and_says_why_there_is_none(asked: Examined) -> None:
    board = ScoreTable(row.as_json() for row in TASK.baselines("skills", asked))
    tables = list(skill_blocks(board, ["skills"]))
    assert [table.title for table in tables if isinstance(table, Table)] == [f"Skills: {what}" for what, _ in TABLES.values()]
    assert all(tuple(table.columns) == ("model", "yes no") for table in tables if isinstance(table, Table))
    for task in ("skills", "skills/yes_no"):
        nothing = Row(model="sft", task=task, metric="right", estimate=None, reason=NO_EXERCISES)
        assert list(skill_blocks(ScoreTable([nothing.as_json()]), ["skills"])) == [Absent("Skills", NO_EXERCISES)]


def test_what_can_not_be_asked_says_why(
    asked: Examined, given: Callable[..., Examined], dialogues: Dialogues, models: dict[str, Model]
) -> None:
    module = load(models["sft"], device="cpu")
    rows = TASK.examine("skills", module, given("sft", dialogues)).rows
    assert [(row.metric, row.reason) for row in rows] == [(metric, NO_EXERCISES) for metric in METRICS]
    context = int(module.config.max_position_embeddings)
    tight = Exercises(kind="exercises", items=4, max_new_tokens=context - 1)
    assert {row.reason for row in tight.examine("skills", module, asked).rows} == {NO_ROOM}
    with pytest.raises(PipelineError, match="leaves no room") as fault:
        Exercises(kind="exercises", items=4, max_new_tokens=context).examine("skills", module, asked)
    assert "max_new_tokens" in fault.value.mend
