"""Durations: what they are read from, how many steps they are, and that a time is measured without a trace."""

import json
import math
import os
import re
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core import progress
from pipeline.core.errors import PipelineError
from pipeline.train import settle
from pipeline.train.duration import Duration, Pace
from pipeline.train.fit import Fitting, fit
from pipeline.train.settle import KEPT
from pipeline.train.stop import InterruptedTrial
from pipeline.train.workspace import Workspace
from stages._settings import typed
from tests.core.test_progress import Terminal
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, workspace
from tests.train.test_loop import NOTHING, Killed, same


def lasting(said: str) -> Fitting:
    return replace(RECIPE, duration=Duration.read(said))


def steps_kept(folder: Path) -> int:
    return int(json.loads((folder / KEPT).read_text())["steps"])


@pytest.mark.parametrize(
    ("said", "amount", "unit"),
    [
        (600, 600, "steps"), (1e3, 1000, "steps"), ("600", 600, "steps"), ("1e3 steps", 1000, "steps"), ("1 step", 1, "steps"),
        ("2 epochs", 2, "epochs"), ("1 epoch", 1, "epochs"), (".5 Epochs", 0.5, "epochs"), ("1e9 tokens", 10**9, "tokens"),
        ("90 s", 90, "s"), ("10 min", 10, "min"), ("10min", 10, "min"), (" 1.5 h ", 1.5, "h"),
    ],
)  # fmt: skip
def test_a_duration_is_a_number_with_a_unit_and_steps_without_one(said: object, amount: float, unit: str) -> None:
    assert Duration.read(said) == Duration(amount, unit)


@pytest.mark.parametrize("said", ["", "many", "10 minutes", "2 weeks", "epochs", True, None, [], {}, math.nan, math.inf, "1 2 steps"])
def test_what_is_no_duration_is_told_the_units(said: object) -> None:
    with pytest.raises(ValueError, match=r"one of steps, epochs .*, tokens, s, min, h"):
        Duration.read(said)


@pytest.mark.parametrize("said", [0, -1, "-2 epochs", "0 min", "1e999 h"])
def test_a_duration_is_above_zero_and_finite(said: object) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Duration.read(said)


@pytest.mark.parametrize("said", [1.5, "1.5 steps", "0.5 tokens"])
def test_steps_and_tokens_are_whole(said: object) -> None:
    with pytest.raises(ValueError, match=r"a whole number of (steps|tokens)"):
        Duration.read(said)


def test_a_section_says_it_and_a_wrong_one_is_told_by_its_key() -> None:
    from stages.reward import Config
    from tests.house.test_drawing_and_settings import DEFAULT

    section = DEFAULT["reward"]
    assert typed(Config, section | {"duration": "2 epochs"}, at="reward").duration == Duration(2, "epochs")
    with pytest.raises(PipelineError, match=r"reward\.duration: a duration is a number with a unit.*\(found '2 weeks'\)"):
        typed(Config, section | {"duration": "2 weeks"}, at="reward")


@pytest.mark.parametrize(
    ("said", "steps"),
    [("7 steps", 7), ("1 epoch", 5), ("2 epochs", 10), ("0.3 epochs", 2), ("0.001 epochs", 1), ("480 tokens", 10), ("481 tokens", 11)],
)
def test_a_part_of_a_step_is_a_whole_one(said: str, steps: int, train, amounts) -> None:
    pace = Pace(rows=40, batch=8, tokens=48)  # as RECIPE works through Counting
    assert pace.steps(Duration.read(said)) == steps
    _, (history, _) = train(duration=Duration.read(said))
    assert history[-1]["step"] == steps
    assert amounts == [{"steps": steps, "epochs": steps / 5, "tokens": steps * 48}]


def test_two_epochs_give_the_bits_of_as_many_steps(train) -> None:
    (first, one), (second, two) = train(scratch="a", duration=Duration(2, "epochs")), train(scratch="b", duration=Duration(10, "steps"))
    assert same(first, second)
    assert one == two


def test_before_it_is_settled_nobody_can_ask_for_the_steps() -> None:
    with pytest.raises(ValueError, match="2 epochs is no number of steps yet"):
        _ = lasting("2 epochs").steps


def test_a_time_is_measured_once_and_gives_the_bits_of_as_many_steps(train, tmp_path) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    timed, (history, samples) = train(scratch="a", duration=Duration(0.4, "s"), track=lambda *row: told.append(row))
    steps = steps_kept(tmp_path / "a")
    assert steps > 1
    assert told[0][0] == 0
    assert told[0][1]["steps"] == steps
    assert told[0][1]["seconds_per_step"] > 0
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["checkpoints", KEPT]
    counted, again = train(scratch="b", duration=Duration(steps, "steps"))
    assert same(timed, counted)
    assert again == (history, samples)


def test_while_it_measures_a_log_is_told_no_total_and_no_time_left(train, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    train(duration=Duration(0.4, "s"))
    lines = capsys.readouterr().err.splitlines()
    trial = [line for line in lines if "measuring how many steps 0.4 s are" in line]
    assert trial
    assert lines[: len(trial)] == trial, "first it measures"
    assert not [line for line in trial if " of " in line or "left" in line]
    assert f"pretrain: 1 of {steps_kept(tmp_path / 'scratch')}, " in lines[len(trial) + 1]


def test_while_it_measures_a_bar_has_no_end(train, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    monkeypatch.setattr(progress, "DRAWN_S", 0.0)
    train(duration=Duration(0.4, "s"))
    bars = re.split(r"[\r\n]", screen.getvalue())
    trial = [bar for bar in bars if "measuring how many steps 0.4 s are" in bar]
    assert trial
    assert not [bar for bar in trial if "%" in bar]
    assert not [bar for bar in bars if f"/{settle.TRIAL} " in bar]


def test_to_measure_touches_no_global_stream(tmp_path) -> None:
    toy = Toy()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(toy, Counting(), lasting("0.2 s"), workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


def test_killed_and_started_again_a_time_is_the_same_number_of_steps(train, tmp_path) -> None:
    def kill(step: int, values: dict[str, float]) -> None:
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(duration=Duration(0.4, "s"), log_every=1, track=kill)
    steps = steps_kept(tmp_path / "scratch")
    resumed, history = train(duration=Duration(0.4, "s"), log_every=1)
    undisturbed, whole = train(scratch="whole", duration=Duration(steps, "steps"), log_every=1)
    assert same(resumed, undisturbed)
    assert repr(history) == repr(whole)


def test_a_stop_that_comes_while_it_measures_leaves_nothing_behind(tmp_path) -> None:
    class Stopping(Counting):
        def loss(self, module, numbers, device):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().loss(module, numbers, device)

    toy, before = Toy(), Toy()
    with pytest.raises(InterruptedTrial, match="nothing was learned yet"):
        fit(toy, Stopping(), lasting("10 min"), workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert list(tmp_path.iterdir()) == []
    assert same(toy, before)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("asked", "step", "pauses", "expected"),
    [
        ("400 s", 1.0, {}, 380),  # the trial takes a twentieth
        ("400 s", 1.0, {10: 5.0}, 250),  # each ten steps are followed by an evaluation
        ("10 h", 1.0, {}, 36000 - 60),  # it never takes more than a minute
        ("100 s", 2.0, {}, 41),  # or less than the first step and a window of eight
        ("100 s", 15.0, {}, 4),  # unless they would take a fifth
        ("1 s", 15.0, {}, 1),
    ],
)
def test_the_steps_fill_what_the_trial_leaves_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, step: float, pauses: dict[int, float], expected: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(settle, "perf_counter", clock)

    def trial(recipe: Fitting, place: Workspace) -> None:
        for done in range(recipe.steps):
            clock.wait(step)
            place.track(done + 1, {})

    waits = {every: partial(clock.wait, seconds) for every, seconds in pauses.items()}
    assert settle.settled(lasting(asked), Pace(40, 8, 48), workspace(tmp_path), trial, waits).steps == expected
