"""The guides of docs/extending.md, followed word for word: what they add is there, and nothing else runs again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smoke.clone import Clone
from tests.smoke.extending import guide, undo

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def place(clone: Clone) -> Iterator[Clone]:
    """The clone that has run, for all guides; afterwards it is as it was."""
    yield clone
    undo(clone)
    assert clone.reran() == set()


def read(place: Clone, name: str) -> dict:
    """A file of numbers."""
    return json.loads((place.folder / name).read_text())


def words(command: str, *, program: str) -> list[str]:
    """The words behind a program, without the quotes that a shell takes off."""
    assert command.startswith(program), command
    return [word.strip("'") for word in command.removeprefix(program).split()]


def test_a_method_of_new_files_alone_is_trained_evaluated_exported_and_shown(place: Clone) -> None:
    added = guide("A method")
    assert not added.changes
    added.follow(place)
    ran = place.reran(*words(added.commands[0], program=".venv/bin/dvc "))
    exported = {"export@transformers", "export@gguf", "contest", "report"}
    assert ran == {"plan", "align@perturbed", "evaluate@perturbed", *exported}, "no other method runs again"
    ratings = read(place, "metrics/contest.json")
    assert ratings["perturbed"]["against_reference"]["kl"] is not None
    assert "perturbed-Q4_0" in ratings
    page = (place.folder / "data/report/index.html").read_text()
    assert "align/perturbed" in page
    assert "align=[dpo,ppo,perturbed]" in page, "what differs from conf/"
    assert "perturbed" in (place.folder / "data/report/page.md").read_text()


def test_a_task_a_format_and_a_stage_of_the_guides_do_what_is_said(place: Clone) -> None:
    task, format_, stage = guide("A task"), guide("A format"), guide("A stage")
    for added in (task, format_, stage):
        added.follow(place)
    assert not format_.changes
    for added in (task, format_):
        place.run(*words(added.commands[0], program=""))
    scores = read(place, "metrics/evaluate/sft.json")
    assert 0 <= scores["backwards"]["accuracy_low"] <= scores["backwards"]["accuracy"] <= 1
    assert scores["last_of_two"]["choice"] > 0
    half, whole = read(place, "metrics/export/half.json")["float16"], read(place, "metrics/export/transformers.json")["safetensors"]
    assert 0 < half["kl"] < 0.01
    assert half["bytes"] < 0.7 * whole["bytes"]
    params, repro, docs = stage.commands
    assert docs == "make docs"
    place.run(*words(params, program=""))
    assert place.reran(*words(repro, program=".venv/bin/dvc repro")) == {"plan", "lengths"}
    documents = read(place, "metrics/select.json")["documents"]
    assert read(place, "metrics/lengths.json")["documents"] == documents
    assert len((place.folder / "data/lengths/lengths.jsonl").read_text().splitlines()) == documents
    place.run(".venv/bin/python", "-m", "apps.drawing")
    assert "select --> lengths" in Path(place.folder / "README.md").read_text()
