"""Precision: fp16 with a scaled loss, activations computed again; and what a device can't do is refused by name."""

import math
import random
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from pipeline.core.errors import PipelineError
from pipeline.train import fp8
from pipeline.train.fit import fit
from pipeline.train.precision import BACKOFF, FIRST, GROWTH, INTERVAL, LEAST, LossScale
from tests.train.conftest import MATRICES, RECIPE, Counting, Toy, workspace
from tests.train.test_loop import NOTHING, Killed, same


def test_fp16_learns_nearly_like_fp32(train) -> None:
    (_, (exact, _)), (_, (rough, _)) = train(scratch="a"), train(scratch="b", precision="fp16")
    assert rough[-1]["loss"] == pytest.approx(exact[-1]["loss"], rel=0.01)
    assert rough[-1]["loss"] != exact[-1]["loss"]
    assert rough[-1]["loss_scale"] == FIRST


def test_a_scale_is_a_power_of_two_and_changes_no_bit_of_a_gradient() -> None:
    scale = LossScale(True, "pretrain")
    assert math.log2(scale.factor(1536)).is_integer()
    weight = torch.randn(5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (plain,) = torch.autograd.grad((weight**3).sum(), weight)
    (scaled,) = torch.autograd.grad((weight**3).sum() * scale.factor(48), weight)
    assert torch.equal(scaled / scale.factor(48), plain)


def test_an_overflow_halves_the_scale_and_good_steps_double_it() -> None:
    scale = LossScale(True, "pretrain")
    assert scale.overflowed(1, math.inf)
    assert scale.overflowed(2, math.nan)
    assert scale.scale == FIRST * BACKOFF**2
    assert not any(scale.overflowed(step, 1.0) for step in range(INTERVAL))
    assert scale.scale == FIRST * BACKOFF**2 * GROWTH
    again = LossScale(True, "pretrain")
    again.load(scale.state())
    assert asdict(again) == asdict(scale)


def test_where_no_scale_helps_it_stops_and_names_the_step() -> None:
    scale = LossScale(True, "pretrain", scale=LEAST)
    with pytest.raises(PipelineError, match="in step 9: gradients overflow in fp16 at any scale") as told:
        scale.overflowed(9, math.inf)
    assert "precision=bf16" in told.value.mend


def test_without_fp16_nothing_is_scaled_and_nothing_overflows() -> None:
    scale = LossScale(False, "pretrain")
    assert scale.factor(1536) == 1.0
    assert not scale.overflowed(1, math.inf)


class Overflowing(Counting):
    """Its gradients leave the range of fp16 while the loss is scaled by more than 2^12."""

    def loss(self, module, numbers, device):
        nats, count = super().loss(module, numbers, device)
        return _Narrow.apply(nats), count


class _Narrow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, nats):
        return nats.clone()

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(gradient > 2.0**12 / 32, torch.inf, gradient)  # 48 tokens a step: its scale is of 32


def overflowing(folder, fatal: int | None = None):
    def kill(step: int, values: dict[str, float]) -> None:
        if step == fatal:
            raise Killed

    toy, recipe = Toy(), replace(RECIPE, precision="fp16", log_every=1)
    return toy, fit(toy, Overflowing(), recipe, workspace(folder, kill), matrices=MATRICES, evaluate=NOTHING, seed=3)


def test_steps_that_overflow_are_left_out_until_the_scale_fits_and_a_resumed_run_does_the_same(tmp_path) -> None:
    toy, (trained, _) = overflowing(tmp_path / "whole")
    scales = [row["loss_scale"] for row in trained.history]
    assert scales[:6] == [2.0**15, 2.0**14, 2.0**13, 2.0**12, 2.0**12, 2.0**12]
    assert all(weight.isfinite().all() for weight in toy.parameters())
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]
    fatal = random.Random(1).randrange(6, 24)
    with pytest.raises(Killed):
        overflowing(tmp_path / "killed", fatal)
    resumed, (again, _) = overflowing(tmp_path / "killed")
    assert same(resumed, toy)
    assert repr(again.history) == repr(trained.history)


def test_activations_that_are_computed_again_give_the_same_bits(train, tmp_path) -> None:
    from pipeline.model.build import build
    from tests.tiny_shape import SHAPE

    toys = []
    for again in (False, True):
        module = build(SHAPE | {"layers": 2}, vocabulary=16, seed=1)
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        module.model.layers[0].mlp.register_forward_pre_hook(count)
        recipe = replace(RECIPE.lasting(3), gradient_checkpointing=again, eval_every=100)
        fit(module, _Words(), recipe, workspace(tmp_path / str(again)), matrices=[], evaluate=NOTHING, seed=3)
        assert calls == 3 * (2 if again else 1)
        assert not module.is_activation_checkpointing
        toys.append(module)
    assert same(*toys)


class _Words(Counting):
    def loss(self, module, numbers, device):
        return super().loss(lambda ids: module(input_ids=ids, use_cache=False).logits, numbers, device)


def test_a_module_that_can_not_compute_again_is_refused(train) -> None:
    with pytest.raises(PipelineError, match="Toy can't compute its activations again"):
        train(gradient_checkpointing=True)


@pytest.fixture
def by_reference() -> Iterator[None]:
    """torch's own products in fp8: oneDNN has none in kernels of AVX2, and is taken all the same where the CPU could do more."""
    with torch.backends.mkldnn.flags(enabled=False):
        yield


class _Map(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map, self.odd = nn.Linear(32, 48), nn.Linear(32, 7)


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")  # which the switch looks at too
@pytest.mark.usefixtures("by_reference")
def test_products_in_fp8_are_those_of_fp32_but_for_their_rounding() -> None:
    """Three bits of fraction are 2^-4 at most a number, two are 2^-3; the errors of a sum mostly cancel."""
    draw = torch.Generator().manual_seed(1)
    inputs, slope = torch.randn(4, 8, 32, generator=draw).requires_grad_(), torch.randn(4, 8, 48, generator=draw)
    module = _Map()
    with torch.no_grad():
        module.map.weight.copy_(torch.randn(48, 32, generator=draw))
    found = []
    for rough in (False, True):
        inputs.grad = module.map.weight.grad = None
        with fp8.products(module, ["map.weight"] if rough else []):
            out = module.map(inputs)
            out.backward(slope.to(out.dtype))
        found.append([one.detach().float() for one in (out, inputs.grad, module.map.weight.grad)])
    for exact, rough, bound in zip(*found, (2**-4, 2**-3, 2**-3), strict=True):
        assert 0 < (rough - exact).norm() / exact.norm() < bound


@pytest.mark.filterwarnings("ignore:TF32 acceleration on top of oneDNN")  # which the switch looks at too
@pytest.mark.usefixtures("by_reference")
def test_fp8_is_for_maps_that_the_units_take_and_only_while_it_learns() -> None:
    module, inputs = _Map(), torch.ones(16, 32)
    plain = module.map(inputs)
    with fp8.products(module, ["map.weight", "odd.weight"]):
        assert module.map(inputs).dtype == torch.bfloat16
        assert module.odd(inputs).dtype == torch.float32  # 7 outputs
        assert module.map(inputs[:15]).dtype == torch.float32  # 15 tokens
        assert torch.equal(module.eval().map(inputs), plain)
    assert torch.equal(module.train().map(inputs), plain)


def test_a_device_without_fp8_is_refused_by_name(train) -> None:
    with pytest.raises(PipelineError, match="this CPU has no products in fp8") as told:
        train(precision="fp8")
    assert told.value.mend == "pretrain.precision=fp32"
