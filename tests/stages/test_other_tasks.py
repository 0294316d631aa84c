"""What is between tasks."""

from typing import Any

import pytest
import yaml

from pipeline.evaluate.other_tasks import kinds_asked_by
from stages._tasks import FOLDER, faults_of_tasks

ASKED = {"questions": {"kind": "questions"}}


def of_files(*names: str) -> dict[str, Any]:
    """The entries of files of conf/tasks, as they are in force."""
    return {entry: task for name in names for entry, task in yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))["tasks"].items()}


def test_another_task_that_is_not_asked_is_told_before_anything_runs() -> None:
    asked = {"blimp": {"kind": "benchmark"}, "text": {"kind": "perplexity"}} | ASKED
    settings = {"tasks": asked | {name: {"kind": "perturbed", "of": of} for name, of in (("a", "blimp"), ("b", "text"), ("c", "gone"))}}
    faults = list(faults_of_tasks(settings))
    assert [fault.message for fault in faults] == [f"tasks.{name} is no task of items that is asked" for name in ("b.of=text", "c.of=gone")]
    assert [fault.mend for fault in faults] == ["tasks.b.of=blimp", "tasks.c.of=blimp"]


@pytest.mark.parametrize(("other", "asker"), [("text", "robustness"), ("text", "calibration"), ("endings", "sure_endings")])
def test_the_files_that_ask_another_one_are_right_beside_it_and_name_it_without(other: str, asker: str) -> None:
    assert not list(faults_of_tasks({"tasks": of_files(other, "world", asker)}))
    mends = {fault.mend for fault in faults_of_tasks({"tasks": of_files("dialogues", "world", asker)})}
    assert mends == {f"tasks=[dialogues,world,{asker},{other}]"}


def test_all_kinds_with_continuations_can_be_asked_and_writing_by_changes_alone() -> None:
    continued = {"cloze", "minimal_pairs", "next_sentence", "endings", "choice", "benchmark", "belief", "questions"}
    assert kinds_asked_by("calibrated") == continued
    assert kinds_asked_by("perturbed") == continued | {"written"}


def test_without_questions_for_the_contest_the_mend_keeps_what_was_asked() -> None:
    (fault,) = faults_of_tasks({"tasks": of_files("text", "endings")})
    assert fault.mend == "tasks=[text,endings,prompts]"
