"""The loop: it learns, it comes back to the bit, and it stops kindly."""

import math
import os
import random
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.errors import PipelineError
from pipeline.train.checkpoint import Checkpoints
from pipeline.train.duration import Duration
from pipeline.train.fit import fit
from pipeline.train.stop import Interrupted
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, workspace

NOTHING = lambda module: ({}, [])  # noqa: E731


class Killed(Exception):
    """Stands for kill -9: nothing is saved on the way out."""


def same(first: nn.Module, second: nn.Module) -> bool:
    return all(torch.equal(one, two) for one, two in zip(first.parameters(), second.parameters(), strict=True))


def test_the_loss_falls(train) -> None:
    _, (history, _) = train(duration=Duration(100, "steps"))
    assert history[-1]["loss"] < history[0]["loss"] / 2


def test_two_runs_are_equal_to_the_bit(train) -> None:
    (first, one), (second, two) = train(scratch="a"), train(scratch="b")
    assert same(first, second)
    assert one == two


@pytest.mark.parametrize("muon", [RECIPE.muon, None])
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_a_random_step_and_started_again_gives_the_same_bits(train, muon, seed: int) -> None:
    undisturbed, history = train(scratch="whole", muon=muon, log_every=1)
    kills = sorted(random.Random(seed).sample(range(1, 24), 2))

    def kill(step: int, values: dict[str, float]) -> None:
        if kills and step == kills[0]:
            kills.pop(0)
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            train(muon=muon, log_every=1, track=kill)
    resumed, again = train(muon=muon, log_every=1, track=kill)
    assert same(undisturbed, resumed)
    assert repr(again) == repr(history)  # keys in the same order, too


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_keeps_the_very_step_it_came_in(train, number, tmp_path) -> None:
    undisturbed, history = train(scratch="whole", log_every=1)
    steps: list[int] = []
    before = signal.getsignal(number)

    def ask(step: int, values: dict[str, float]) -> None:
        steps.append(step)
        if step == 7:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match="after step 7"):
        train(log_every=1, track=ask)
    assert signal.getsignal(number) == before
    resumed, again = train(log_every=1, track=ask)
    assert steps[:8] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert same(undisturbed, resumed)
    assert repr(again) == repr(history)  # keys in the same order, too


def test_eight_small_batches_step_like_one_large(tmp_path) -> None:
    toys = []
    for micro_batch in (8, 1):
        toys.append(Toy())
        toys[-1].noise.p = 0.0  # dropout draws anew for each micro-batch
        recipe = replace(RECIPE.lasting(3), micro_batch=micro_batch)
        fit(toys[-1], Counting(), recipe, workspace(tmp_path / str(micro_batch)), matrices=MATRICES, evaluate=NOTHING, seed=3)
    for large, small in zip(*(toy.parameters() for toy in toys), strict=True):
        torch.testing.assert_close(large, small, rtol=1e-5, atol=1e-5)


def test_bf16_learns_nearly_like_fp32(train) -> None:
    (_, (exact, _)), (_, (rough, _)) = train(scratch="a"), train(scratch="b", precision="bf16")
    assert rough[-1]["loss"] == pytest.approx(exact[-1]["loss"], rel=0.1)
    assert rough[-1]["loss"] != exact[-1]["loss"]


def test_it_is_looked_at_in_eval_mode_at_intervals_and_at_the_end(train) -> None:
    toy, (history, samples) = train(duration=Duration(20, "steps"))
    assert [row["step"] for row in history if "eye" in row] == [8, 16, 20]
    assert samples == [{"step": step, "texts": ["False"]} for step in (8, 16, 20)]
    assert not toy.training


def test_a_loss_that_is_no_number_stops_at_once_and_names_the_step(tmp_path) -> None:
    class Poison(Counting):
        def loss(self, module, numbers, device):
            nats, count = super().loss(module, numbers, device)
            return nats * (math.nan if module.embed.weight.detach().sum() != start else 1.0), count

    toy = Toy()
    start = toy.embed.weight.detach().sum()
    with pytest.raises(PipelineError, match="in step 2") as caught:
        fit(toy, Poison(), RECIPE, workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert "smaller learning rates" in caught.value.mend


def test_a_batch_that_does_not_come_out_even_names_one_that_does(train) -> None:
    with pytest.raises(PipelineError, match="batch_tokens=96"):
        train(batch_tokens=100, micro_batch=8)
    with pytest.raises(PipelineError, match="batch_tokens=48"):
        train(batch_tokens=10, micro_batch=8)


def test_a_weight_that_is_not_there_can_not_be_a_matrix(tmp_path) -> None:
    with pytest.raises(PipelineError, match="no weights outer"):
        fit(Toy(), Counting(), RECIPE, workspace(tmp_path), matrices=["outer"], evaluate=NOTHING, seed=3)


def test_no_global_stream_is_touched(tmp_path) -> None:
    toy = Toy()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(toy, Counting(), RECIPE, workspace(tmp_path), matrices=MATRICES, evaluate=NOTHING, seed=3)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


def test_a_damaged_checkpoint_is_passed_over(tmp_path) -> None:
    kept = Checkpoints(tmp_path, 1)
    for step in (1, 2, 3):
        kept.save(step, {"w": torch.full((3,), float(step))}, {"step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]
    (tmp_path / "step-000000003" / "state.json").write_text("{}")
    step, tensors, state = kept.latest()
    assert (step, tensors["w"].tolist(), state) == (2, [2.0, 2.0, 2.0], {"step": 2})


def test_without_a_checkpoint_there_is_none(tmp_path) -> None:
    assert Checkpoints(tmp_path / "nowhere", 5).latest() is None
