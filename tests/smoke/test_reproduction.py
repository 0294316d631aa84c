"""The same run gives the same bits; a run that was killed gives the bits of one that was not."""

import random
import re

import pytest
import yaml

from tests.smoke.clone import Clone

pytestmark = pytest.mark.smoke
TRAINERS = ["pretrain", "sft", "reward", "align@dpo", "align@ppo"]


def folder(stage: str) -> str:
    """align@dpo works in align/dpo."""
    return stage.replace("@", "/")


def first_step(clone, stage: str) -> int:
    """The step that the stage logged first when it last trained (a resumed run adds to the log of the killed one)."""
    runs = (clone.folder / f".run/log/{folder(stage)}.log").read_text().split(" begin\n")
    steps = [int(found[1]) for run in runs if (found := re.search(r" step (\d+) ", run))]
    return steps[-1]


@pytest.fixture(scope="module")
def killed_and_finished(tmp_path_factory):
    """A second clone in another folder: every trainer killed with -9 once, at a random checkpoint, and then finished."""
    second = Clone(tmp_path_factory.mktemp("second") / "another-name")
    second.dvc("repro", "tokenize", "dialogues")
    chance = random.Random()
    stopped = {}
    for stage in TRAINERS:
        stopped[stage] = second.repro_and_kill(stage, after=chance.randint(1, 2), patience_s=120)
        second.dvc("repro", stage)
    second.dvc("repro")
    return second, stopped


def test_every_trainer_was_killed_in_the_middle_and_went_on_from_a_checkpoint(clone, killed_and_finished):
    second, stopped = killed_and_finished
    assert stopped == dict.fromkeys(TRAINERS, True)
    assert [stage for stage in TRAINERS if first_step(second, stage) <= first_step(clone, stage)] == []


def test_two_clones_have_equal_locks_although_one_was_killed_five_times(clone, killed_and_finished):
    first, second = (yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (clone.folder, killed_and_finished[0].folder))
    different = [stage for stage in first["stages"] if first["stages"][stage] != second["stages"].get(stage)]
    assert different == []
    assert first == second


def test_work_in_progress_is_removed_after_success(killed_and_finished):
    left = [path.name for stage in TRAINERS for path in (killed_and_finished[0].folder / ".run" / folder(stage)).glob("*")]
    assert left == []
