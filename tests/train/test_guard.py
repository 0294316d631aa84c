"""The guard: a step that is no number, or a spike beside those before it, is never taken; the run stops, or goes on without it."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.errors import PipelineError
from pipeline.train.duration import Duration
from pipeline.train.fit import fit
from pipeline.train.guard import REFUSED, Guard, Spikes
from pipeline.train.schedule import rows_of
from pipeline.train.workspace import Trained
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, fitting, workspace
from tests.train.test_loop import NOTHING, Killed, same

OFF = Spikes(loss=None, norm=None, window=4, action="stop", max_skipped=3)
ROW = 7  # is poisoned


class Poisoned(Counting):
    """One row makes the loss of its step so many times as large."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def loss(self, module, numbers, device):
        nats, count = super().loss(module, numbers, device)
        return nats * (self.factor if ROW in numbers else 1.0), count


def run(folder: Path, factor: float, spikes: Spikes, *, track=lambda step, values: None, **changes: object) -> tuple[Toy, Trained]:
    toy, recipe = Toy(), replace(RECIPE, log_every=1, spikes=spikes, **changes)
    return toy, fit(toy, Poisoned(factor), recipe, workspace(folder, track), matrices=MATRICES, evaluate=NOTHING, seed=3)[0]


def rows_in(step: int) -> list[int]:
    """Of a step, counted from 1."""
    return rows_of(step - 1, batch=8, rows=40, seed=3).tolist()


BAD = [step for step in range(1, 25) if ROW in rows_in(step)]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_it_stops_before_the_step_and_names_it_its_rows_and_the_file(tmp_path, poison: float) -> None:
    bad, rows = BAD[0], rows_in(BAD[0])
    with pytest.raises(
        PipelineError, match=f"in step {bad}: the loss is {poison}.*was not taken.*rows {', '.join(map(str, rows))}"
    ) as told:
        run(tmp_path, poison, OFF, checkpoint_every=1)
    assert "spikes.action=skip" in told.value.mend
    assert "smaller learning rates, or " in told.value.mend
    seen = json.loads((tmp_path / REFUSED).read_text())
    assert (seen["step"], seen["rows"], seen["loss"]["found"]) == (bad, rows, repr(poison))


def test_the_weights_are_those_before_the_step(tmp_path) -> None:
    toy, recipe = Toy(), replace(RECIPE, log_every=1)
    with pytest.raises(PipelineError):
        fit(toy, Poisoned(math.nan), recipe, workspace(tmp_path / "a"), matrices=MATRICES, evaluate=NOTHING, seed=3)

    def kill(step: int, values: dict[str, float]) -> None:
        if step == BAD[0] - 1:
            raise Killed

    before = Toy()
    with pytest.raises(Killed):
        fit(before, Counting(), recipe, workspace(tmp_path / "b", kill), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert same(toy, before)


def test_skipped_steps_are_counted_in_history_and_metrics_and_the_run_goes_on(tmp_path) -> None:
    toy, trained = run(tmp_path, math.nan, replace(OFF, action="skip", max_skipped=10))
    assert all(weight.isfinite().all() for weight in toy.parameters())
    assert trained.amount["skipped_steps"] == trained.history[-1]["skipped"] == len(BAD)
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]


def test_a_resumed_run_skips_the_same(tmp_path) -> None:
    spikes = replace(OFF, loss=2.0, action="skip", max_skipped=10)
    whole, told = run(tmp_path / "whole", 30.0, spikes, duration=Duration(48, "steps"))
    assert told.amount["skipped_steps"] > 2

    def kill(step: int, values: dict[str, float]) -> None:
        if step == 23:
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "resumed", 30.0, spikes, track=kill, duration=Duration(48, "steps"))
    resumed, again = run(tmp_path / "resumed", 30.0, spikes, duration=Duration(48, "steps"))
    assert same(whole, resumed)
    assert repr(again) == repr(told)


def test_more_than_so_many_refused_steps_stop_the_run(tmp_path) -> None:
    with pytest.raises(PipelineError, match=r"4 steps were refused, pretrain.spikes.max_skipped is 3"):
        run(tmp_path, math.nan, replace(OFF, action="skip", max_skipped=3))


@pytest.mark.parametrize(("name", "loss", "norm"), [("loss", 5.0, 1.0), ("norm", 1.0, 5.0)])
def test_a_spike_is_so_many_times_the_running_median(tmp_path, name: str, loss: float, norm: float) -> None:
    guard = Guard(replace(OFF, **{name: 4.9}, action="skip"), workspace(tmp_path))
    rows = np.arange(2)
    assert guard.passes(1, rows, loss=loss, norm=norm)  # none is judged before the window is full
    assert all(guard.passes(step, rows, loss=1.0, norm=1.0) for step in range(2, 5))
    assert not guard.passes(5, rows, loss=loss, norm=norm)
    guard.settings = replace(guard.settings, **{name: 5.1})
    assert guard.passes(5, rows, loss=loss, norm=norm)


def test_what_was_refused_does_not_move_the_median(tmp_path) -> None:
    guard = Guard(replace(OFF, loss=2.0, action="skip", max_skipped=100), workspace(tmp_path))
    assert [guard.passes(step, np.arange(2), loss=1.0 if step < 4 else 9.0, norm=1.0) for step in range(20)] == [True] * 4 + [False] * 16


def test_a_gradient_that_is_no_number_is_refused_as_well(tmp_path) -> None:
    class Steep(Counting):
        def loss(self, module, numbers, device):
            nats, count = super().loss(module, numbers, device)
            return nats + 0.0 * torch.sqrt(module.embed.weight[0, 0] * 0.0), count  # sqrt has no slope at 0

    with pytest.raises(PipelineError, match="in step 1: the norm is nan"):
        fit(Toy(), Steep(), RECIPE, workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)


def test_a_factor_of_one_or_less_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"spikes\.loss"):
        fitting(duration=1, seed=1, spikes={"loss": 1.0, "norm": None, "window": 4, "action": "stop", "max_skipped": 3})


def test_a_run_of_which_no_step_was_taken_is_no_run(tmp_path) -> None:
    with pytest.raises(PipelineError, match="none of the 1 step was taken"):
        run(tmp_path, math.nan, replace(OFF, action="skip"), duration=Duration(1, "steps"), batch_tokens=240)
