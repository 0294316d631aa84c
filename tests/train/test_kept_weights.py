"""Which weights are kept: the last, their mean, or the best on held-out text."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pipeline.core.errors import PipelineError
from pipeline.train.average import Average, Averaging, ema_share, passes_share
from pipeline.train.duration import Duration
from pipeline.train.fit import fit
from pipeline.train.kept import kept, steps_kept
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, fitting, workspace
from tests.train.test_loop import Killed, same

EMA = Averaging(ema_decay=0.9, passes=None)


def averaged(shares: list[float], values: list[float]) -> float:
    module = nn.Linear(1, 1, bias=False)
    mean = Average(module)
    for share, value in zip(shares, values, strict=True):
        nn.init.constant_(module.weight, value)
        mean.add(share)
    mean.take()
    return float(module.weight.detach())


def test_an_ema_is_its_recursion_and_forgets_its_beginning() -> None:
    values, expected = [float(number) for number in range(40)], 0.0
    for step, value in enumerate(values):
        kept = min(0.9, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * value
    assert averaged([ema_share(step, decay=0.9) for step in range(40)], values) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("passes", "steps", "ends"),
    [(1, 20, [20]), (2, 20, [15, 20]), (3, 20, [10, 15, 20]), (9, 20, [5, 10, 15, 20]), (2, 18, [15, 18]), (2, 3, [3])],
)
def test_the_last_passes_weigh_alike(passes: int, steps: int, ends: list[int]) -> None:
    shares = [passes_share(step, passes=passes, steps=steps, batch=8, rows=40) for step in range(steps)]
    assert [step + 1 for step, share in enumerate(shares) if share] == ends
    assert averaged(shares, [float(step) for step in range(1, steps + 1)]) == pytest.approx(sum(ends) / len(ends))


@pytest.mark.parametrize("averaging", [EMA, Averaging(ema_decay=None, passes=2)])
def test_the_mean_is_kept_and_evaluated_and_the_steps_are_as_without_it(train, averaging: Averaging) -> None:
    plain, (history, _) = train(scratch="plain", duration=Duration(15, "steps"))
    toy, (same_history, _) = train(scratch="mean", duration=Duration(15, "steps"), averaging=averaging)
    assert not same(plain, toy)
    assert [row["loss"] for row in same_history] == [row["loss"] for row in history]
    assert same_history[-1]["eye"] == pytest.approx(float(toy.embed.weight.detach().sum()))
    assert same_history[-1]["eye"] != history[-1]["eye"]


@pytest.mark.parametrize("changes", [{"averaging": EMA}, {"averaging": Averaging(ema_decay=None, passes=2)}])
def test_a_mean_comes_back_to_the_bit(train, changes: dict[str, object]) -> None:
    def kill(step: int, values: dict[str, float]) -> None:
        if step == 22:
            raise Killed

    whole, history = train(scratch="whole", log_every=1, **changes)
    with pytest.raises(Killed):
        train(log_every=1, track=kill, **changes)
    resumed, again = train(log_every=1, **changes)
    assert same(whole, resumed)
    assert repr(again) == repr(history)


def test_both_kinds_of_mean_at_once_are_refused() -> None:
    with pytest.raises(PipelineError, match="one of them is null"):
        fitting(duration=1, seed=1, averaging={"ema_decay": 0.9, "passes": 1})


class Course:
    """Held-out losses as they are told, one an evaluation; it remembers the weights it has seen."""

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.seen = losses, []

    def __call__(self, module: nn.Module) -> tuple[dict[str, float], list[str]]:
        self.seen.append(module.inner.weight.detach().clone())
        return {"val_loss": self.losses[len(self.seen) - 1]}, []


def stopped(folder, losses: list[float], patience: int | None, **changes: object):
    course, toy = Course(losses), Toy()
    recipe = replace(RECIPE, duration=Duration(24, "steps"), eval_every=4, early_stopping=patience, **changes)
    trained, _ = fit(toy, Counting(), recipe, workspace(folder), matrices=MATRICES, evaluate=course, seed=3)
    return toy, course, trained


def test_it_stops_when_nothing_better_came_and_gives_back_the_best(tmp_path) -> None:
    toy, course, trained = stopped(tmp_path, [3.0, 2.0, 2.5, 2.0, 1.0, 1.0], 2)
    assert trained.history[-1]["step"] == 16
    assert trained.amount == {"steps": 16, "epochs": 3.2, "tokens": 768, "best_step": 8, "best_val_loss": 2.0}
    assert torch.equal(toy.inner.weight, course.seen[1])


def test_with_more_patience_it_finds_what_comes_later(tmp_path) -> None:
    toy, course, trained = stopped(tmp_path, [3.0, 2.0, 2.5, 2.0, 1.0, 1.5], 3)
    assert trained.amount["steps"] == 24
    assert trained.amount["best_step"] == 20
    assert torch.equal(toy.inner.weight, course.seen[4])


def test_without_patience_the_last_weights_are_kept(tmp_path) -> None:
    toy, course, trained = stopped(tmp_path, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], None)
    assert trained.amount == {"steps": 24, "epochs": 4.8, "tokens": 1152}
    assert torch.equal(toy.inner.weight, course.seen[-1])


def test_the_best_of_a_mean_is_a_mean(tmp_path) -> None:
    toy, course, _ = stopped(tmp_path, [3.0, 2.0, 2.5, 2.6, 1.0, 1.0], 2, averaging=EMA)
    assert torch.equal(toy.inner.weight, course.seen[1])


def test_killed_before_it_stops_it_stops_at_the_same_step_with_the_same_weights(train, tmp_path) -> None:
    losses = {8: 2.0, 16: 2.5, 24: 2.6, 32: 2.7, 40: 2.8}

    def once(scratch: str, fatal: int | None):
        toy, step = Toy(), 0

        def track(done: int, values: dict[str, float]) -> None:
            nonlocal step
            step = done
            if done == fatal:
                raise Killed

        look = lambda module: ({"val_loss": losses[8 * (step // 8 + 1)]}, [])  # noqa: E731 - the row is told after it
        recipe = replace(RECIPE, duration=Duration(40, "steps"), log_every=1, early_stopping=3)
        return toy, fit(toy, Counting(), recipe, workspace(tmp_path / scratch, track), matrices=MATRICES, evaluate=look, seed=3)

    whole, told = once("whole", None)
    assert told[0].history[-1]["step"] == 32
    for fatal in (13, 27):
        with pytest.raises(Killed):
            once("killed", fatal)
    resumed, again = once("killed", None)
    assert same(whole, resumed)
    assert repr(again) == repr(told)


def test_early_stopping_without_held_out_text_is_refused(train) -> None:
    with pytest.raises(PipelineError, match="needs held-out text"):
        train(early_stopping=2)


def test_the_loss_on_rows_that_were_learned_stands_beside_the_held_out(tmp_path) -> None:
    toy = Toy()
    recipe = replace(RECIPE, seen_rows=40)
    trained, _ = fit(
        toy, Counting(), recipe, workspace(tmp_path), matrices=MATRICES, evaluate=lambda module: ({"val_loss": 5.0}, []), seed=3
    )
    loss, count = Counting().loss(toy, torch.arange(40).numpy(), "cpu")
    assert trained.history[-1]["seen_loss"] == pytest.approx(float(loss.detach()) / count, rel=1e-6)
    assert trained.history[-1]["gap"] == 5.0 - trained.history[-1]["seen_loss"]
    assert "gap" not in trained.history[0]


@pytest.mark.parametrize(
    ("number", "steps", "expected"), [(0, 24, []), (1, 24, [12]), (3, 24, [6, 12, 18]), (2, 10, [3, 7]), (5, 3, [1, 2]), (1, 1, [])]
)
def test_weights_from_along_the_way_lie_at_equal_distances(number: int, steps: int, expected: list[int]) -> None:
    assert sorted(steps_kept(number, steps=steps)) == expected


@pytest.mark.parametrize("averaging", [Averaging(ema_decay=None, passes=None), EMA])
def test_weights_from_along_the_way_are_those_of_that_step_also_after_a_kill(train, tmp_path, averaging: Averaging) -> None:
    def kill(step: int, values: dict[str, float]) -> None:
        if step == 15:
            raise Killed

    whole, _ = train(scratch="whole", log_every=1, averaging=averaging, keep=2)
    found = list(kept(workspace(tmp_path / "whole"), whole))
    assert [step for step, _ in found] == [8, 16]
    assert not same(found[0][1], found[1][1])
    with pytest.raises(Killed):
        train(log_every=1, averaging=averaging, keep=2, track=kill)
    resumed, _ = train(log_every=1, averaging=averaging, keep=2)
    assert same(whole, resumed)
    assert all(same(one, other) for (_, one), (_, other) in zip(found, kept(workspace(tmp_path / "scratch"), resumed), strict=True))


def test_weights_from_along_the_way_change_no_step(train, tmp_path) -> None:
    plain, (history, _) = train(scratch="plain")
    toy, (same_history, _) = train(scratch="kept", keep=3)
    assert same(plain, toy)
    assert repr(same_history) == repr(history)
