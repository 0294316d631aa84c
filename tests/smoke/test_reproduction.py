"""The same run gives the same bits; a run that was killed gives the bits of one that was not."""

import random

import pytest
import yaml

from tests.smoke.clone import Clone

pytestmark = pytest.mark.smoke
TRAINERS = ["pretrain", "sft", "reward", "dpo", "ppo"]


@pytest.fixture(scope="module")
def killed_and_finished(tmp_path_factory):
    """A second clone in another folder: every trainer killed with -9 once, and then finished."""
    second = Clone(tmp_path_factory.mktemp("second") / "another-name")
    second.dvc("repro", "tokenize", "dialogues")
    chance = random.Random(2026)
    stopped, resumed = {}, {}
    for stage in TRAINERS:
        stopped[stage] = second.repro_and_kill(stage, chance, patience_s=120)
        second.dvc("repro", stage)
        resumed[stage] = "resumed at step" in (second.folder / f".run/log/{stage}.log").read_text()
    second.dvc("repro")
    return second, stopped, resumed


def test_every_trainer_was_killed_in_the_middle_and_went_on_from_a_checkpoint(killed_and_finished):
    _, stopped, resumed = killed_and_finished
    assert stopped == dict.fromkeys(TRAINERS, True)
    assert resumed == dict.fromkeys(TRAINERS, True)


def test_two_clones_have_equal_locks_although_one_was_killed_five_times(clone, killed_and_finished):
    first, second = (yaml.safe_load((folder / "dvc.lock").read_text()) for folder in (clone.folder, killed_and_finished[0].folder))
    different = [stage for stage in first["stages"] if first["stages"][stage] != second["stages"].get(stage)]
    assert different == []
    assert first == second


def test_work_in_progress_is_removed_after_success(killed_and_finished):
    left = [path.name for stage in TRAINERS for path in (killed_and_finished[0].folder / ".run" / stage).glob("*")]
    assert left == []
