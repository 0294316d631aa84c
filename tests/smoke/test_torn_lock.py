"""A dvc.lock that a kill has cut short is mended, and no finished stage runs again."""

import random

import pytest

pytestmark = pytest.mark.smoke


def test_a_torn_lock_is_healed_and_loses_no_finished_stage(clone):
    lock = clone.folder / "dvc.lock"
    whole = lock.read_bytes()
    clone.run(".venv/bin/python", "-m", "apps.heal", "--keep")
    lock.write_bytes(whole[: random.Random().randrange(1, len(whole) - 1)])
    said = clone.run(".venv/bin/python", "-m", "apps.heal")
    assert "dvc.lock was cut short" in said or clone.reran() == set(), said
    assert clone.reran() == set()
    lock.write_bytes(whole)
    assert clone.run(".venv/bin/python", "-m", "apps.heal") == ""
