"""Tasks that ask the items of another task."""

from stages._checks import faults_of_other_tasks


def test_another_task_that_is_not_asked_is_told_before_anything_runs() -> None:
    asked = {"blimp": {"kind": "benchmark"}, "text": {"kind": "perplexity"}}
    settings = {"tasks": asked | {name: {"kind": "perturbed", "of": of} for name, of in (("a", "blimp"), ("b", "text"), ("c", "gone"))}}
    faults = list(faults_of_other_tasks(settings))
    assert [fault.message for fault in faults] == [f"tasks.{name} is no task of items that is asked" for name in ("b.of=text", "c.of=gone")]
    assert faults[1].mend == "tasks=[...,gone], or another of"
