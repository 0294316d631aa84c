"""Modules fitted before the one that needs them: each once, whatever comes between."""

from pathlib import Path

import pytest
import torch

from pipeline.train.apart import fitted_apart
from pipeline.train.workspace import Workspace
from tests.train.conftest import Toy, workspace
from tests.train.test_loop import Killed, same


def teach(calls: list[int], dies_at: int | None = None):
    def fit(module: Toy, recipe: int, place: Workspace) -> None:
        if recipe == dies_at:
            raise Killed
        calls.append(recipe)
        with torch.no_grad():
            module.inner.weight += recipe
        place.track(1, {"loss": 1.0})

    return fit


def test_after_a_kill_only_those_that_lack_are_fitted(tmp_path: Path) -> None:
    calls, passed = list[int](), list[int]()
    place = workspace(tmp_path / "scratch", lambda step, values: passed.append(step))
    with pytest.raises(Killed):
        fitted_apart([5, 6, 7], place, lambda recipe: Toy(), teach(calls, dies_at=6))
    found = fitted_apart([5, 6, 7], place, lambda recipe: Toy(), teach(calls))
    straight = fitted_apart([5, 6, 7], workspace(tmp_path / "other"), lambda recipe: Toy(), teach([]))
    assert calls == [5, 6, 7]
    assert all(same(one, other) for one, other in zip(found, straight, strict=True))
    assert [round(float((one.inner.weight - Toy().inner.weight).detach().mean())) for one in found] == [5, 6, 7]
    assert not any(one.training for one in found)
    assert not passed  # steps of several modules would be mixed


def test_a_damaged_one_is_fitted_again(tmp_path: Path) -> None:
    calls = list[int]()
    place = workspace(tmp_path / "scratch")
    fitted_apart([5], place, lambda recipe: Toy(), teach(calls))
    [file] = (tmp_path / "scratch").rglob("tensors.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    fitted_apart([5], place, lambda recipe: Toy(), teach(calls))
    assert calls == [5, 5]
