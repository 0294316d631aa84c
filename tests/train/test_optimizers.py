"""Optimizers: each against torch's own or a plain reference, and all alike in the loop: exact resume, groups, a cautious decay."""

import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.train.optimizers.base import Group, Optimizer, decay
from pipeline.train.optimizers.choice import FOR_ALL, FOR_MATRICES, Optimizers
from pipeline.train.optimizers.muon import newton_schulz
from tests.train.conftest import CONF, MATRICES, OFF, RECIPE, Toy, fitting, section
from tests.train.test_loop import Killed, same

KINDS = sorted(path.stem for path in CONF.glob("*.yaml"))
LR, SHRINK, STEPS = 0.05, 0.1, 5
SIMPLE = {"lr": LR, "weight_decay": SHRINK}


def drawn(*shape: int, number: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))


def chosen(kind: str, **changes: object) -> Any:
    """The settings of a kind, with what conf/ says where nothing else is asked for."""
    return getattr(fitting(duration=1, seed=1, **section(kind) | {kind: section(kind).get(kind, OFF[kind]) | changes}), kind)


def gradients() -> Iterator[Tensor]:
    for number in range(STEPS):
        yield drawn(6, 4, number=number + 1) * (number + 1)


def stepped(settings: Any) -> Tensor:
    """A weight after some steps at half the learning rate."""
    weight = nn.Parameter(drawn(6, 4))
    optimizer: Optimizer = settings.build([Group({"w": weight}, settings.lr, settings.weight_decay)])
    for gradient in gradients():
        weight.grad = gradient
        optimizer.step(0.5)
    return weight.detach()


def test_each_kind_has_a_file_of_its_own_name() -> None:
    assert sorted(FOR_ALL + FOR_MATRICES) == KINDS


TORCHS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=LR / 2, momentum=0.9, nesterov=True, weight_decay=SHRINK),
    "adam": lambda weights: torch.optim.Adam(weights, lr=LR / 2, betas=(0.9, 0.95), weight_decay=SHRINK),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=LR / 2, betas=(0.9, 0.95), weight_decay=SHRINK),
    "adafactor": lambda weights: torch.optim.Adafactor(weights, lr=LR / 2, weight_decay=SHRINK),
    "muon": lambda weights: torch.optim.Muon(
        weights, lr=LR / 2, momentum=0.9, ns_steps=3, weight_decay=SHRINK, nesterov=True, adjust_lr_fn="original"
    ),
}


@pytest.mark.parametrize("kind", TORCHS)
def test_it_steps_like_torchs_own(kind: str) -> None:
    weight = nn.Parameter(drawn(6, 4))
    oracle = TORCHS[kind]([weight])
    for gradient in gradients():
        weight.grad = gradient
        oracle.step()
    rough = {"precision": "bf16"} if kind == "muon" else {}  # torch's Newton-Schulz has no other
    bounds = {"rtol": 0.01, "atol": 0.002} if kind == "muon" else {"rtol": 1e-6, "atol": 1e-7}
    torch.testing.assert_close(stepped(chosen(kind, **SIMPLE, **rough)), weight.detach(), **bounds)


def test_lion_is_the_sign_of_a_momentum() -> None:
    weight, momentum = drawn(6, 4), torch.zeros(6, 4)
    for gradient in gradients():
        step = torch.sign(0.9 * momentum + 0.1 * gradient)
        weight = weight - LR / 2 * (step + SHRINK * weight)
        momentum = 0.99 * momentum + 0.01 * gradient
    torch.testing.assert_close(stepped(chosen("lion", **SIMPLE)), weight)


def test_normuon_divides_the_rows_of_muons_step_and_keeps_its_norm() -> None:
    weight, momentum, squares = drawn(6, 4), torch.zeros(6, 4), torch.zeros(6)
    for gradient in gradients():
        momentum = 0.9 * momentum + 0.1 * gradient
        step = newton_schulz((0.9 * momentum + 0.1 * gradient)[None], steps=3, dtype=torch.float32)[0]
        squares = 0.95 * squares + 0.05 * (step**2).mean(dim=1)
        even = step / squares.sqrt()[:, None]
        even = even * step.norm() / even.norm()
        weight = weight * (1 - LR / 2 * SHRINK) - LR / 2 * math.sqrt(6 / 4) * even
    torch.testing.assert_close(stepped(chosen("normuon", **SIMPLE)), weight)


class Bowl:
    """Half the sum of c w^2: its Hessian has the diagonal c everywhere."""

    def __init__(self) -> None:
        self.weight = nn.Parameter(drawn(6, 4).double())
        self.curvature = torch.linspace(-1, 5, 24).reshape(6, 4).double()

    def slope(self) -> Tensor:
        return (self.curvature * self.weight).detach()


def test_sophia_finds_the_curvature_and_divides_by_it() -> None:
    bowl, settings = Bowl(), chosen("sophia", **SIMPLE, gamma=0.5, probe_every=2)
    optimizer = settings.build([Group({"w": bowl.weight}, LR, SHRINK)])
    weight, momentum, curvature = bowl.weight.detach().clone(), torch.zeros(6, 4).double(), torch.zeros(6, 4).double()
    for step in range(STEPS):
        optimizer.probe(step, lambda: [bowl.slope()])
        torch.testing.assert_close(bowl.weight.detach(), weight)  # where it was before the probe
        bowl.weight.grad = bowl.slope()
        optimizer.step(0.5)
        momentum = 0.96 * momentum + 0.04 * bowl.curvature * weight
        curvature = 0.99 * curvature + 0.01 * bowl.curvature if step % 2 == 0 else curvature
        move = torch.clamp(momentum / torch.clamp(0.5 * curvature, min=1e-12), -1, 1)
        weight = weight * (1 - LR / 2 * SHRINK) - LR / 2 * move
    torch.testing.assert_close(optimizer.tensors()["curvature/w"], curvature, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(bowl.weight.detach(), weight)


def test_a_probe_that_finds_no_number_leaves_curvature_and_weights_as_they_were() -> None:
    bowl = Bowl()
    optimizer = chosen("sophia", **SIMPLE).build([Group({"w": bowl.weight}, LR, SHRINK)])
    optimizer.probe(0, lambda: [bowl.slope()])
    before, weight = optimizer.tensors()["curvature/w"].clone(), bowl.weight.detach().clone()
    optimizer.probe(10, lambda: [bowl.slope() * math.nan])
    assert torch.equal(optimizer.tensors()["curvature/w"], before)
    assert torch.equal(bowl.weight.detach(), weight)


@pytest.mark.parametrize("kind", ["adamw", "adafactor", "lion", "sophia", "muon", "normuon"])
def test_a_cautious_decay_shrinks_only_what_the_step_shrinks_too(kind: str) -> None:
    def once(**changes: object) -> Tensor:
        settings, weight = chosen(kind, lr=LR, **changes), nn.Parameter(before.clone())
        optimizer = settings.build([Group({"w": weight}, settings.lr, settings.weight_decay)])
        weight.grad = drawn(6, 4, number=1)
        optimizer.step(1.0)
        return weight.detach()

    before = drawn(6, 4)
    plain = once(weight_decay=0.0, cautious=False)
    agrees = (before - plain) * before > 0
    assert agrees.any()
    assert not agrees.all()
    expected = torch.where(agrees, plain - LR * SHRINK * before, plain)
    torch.testing.assert_close(once(weight_decay=SHRINK, cautious=True), expected)


def test_a_decay_that_is_not_cautious_shrinks_all() -> None:
    weight = drawn(6, 4)
    shrunk = weight.clone()
    decay([shrunk], [torch.zeros(6, 4)], amount=0.1, cautious=False)
    torch.testing.assert_close(shrunk, weight * 0.9)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_and_killed_at_a_random_step_comes_back_to_the_bit(train, kind: str) -> None:
    changes = {name: getattr(fitting(duration=1, seed=1, **section(kind)), name) for name in (*FOR_ALL, *FOR_MATRICES)}
    undisturbed, history = train(scratch="whole", log_every=1, **changes)
    fatal = random.Random(kind).randrange(6, 24)

    def kill(step: int, values: dict[str, float]) -> None:
        if step == fatal:
            raise Killed

    with pytest.raises(Killed):
        train(log_every=1, track=kill, **changes)
    resumed, again = train(log_every=1, **changes)
    assert same(undisturbed, resumed)
    assert repr(again) == repr(history)
    assert history[0][-1]["loss"] < history[0][0]["loss"]


class Untied(Toy):
    """A toy with a head of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 11, bias=False)

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def moved(module: nn.Module, recipe: Any, *, factor: float = 1.0) -> dict[str, float]:
    """How far the weights go in one step of SGD along a gradient of ones: their learning rates."""
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    optimizers = Optimizers(module, MATRICES, recipe, section="pretrain")
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    optimizers.step(factor)
    return {name: float((before[name] - weight.detach()).max()) for name, weight in module.named_parameters()}


def by_sgd(**own: tuple[float | None, float | None]) -> Any:
    """A recipe of plain SGD at a rate of 0.5, its groups with (lr, weight_decay) of their own."""
    groups = {name: dict(zip(("lr", "weight_decay"), own.get(name, (None, None)), strict=True)) for name in OFF["groups"]}
    sgd = {"lr": 0.5, "weight_decay": 0.0, "momentum": 0.0, "nesterov": False}
    return fitting(duration=1, seed=1, adamw=None, muon=None, sgd=sgd, groups=groups)


def test_each_group_has_a_learning_rate_of_its_own_where_it_is_given() -> None:
    assert moved(Untied(), by_sgd()) == pytest.approx(dict.fromkeys(dict(Untied().named_parameters()), 0.5))
    found = moved(Untied(), by_sgd(embeddings=(0.1, None), head=(0.2, None), vectors=(0.3, None)), factor=2.0)
    assert found == pytest.approx(
        {"embed.weight": 0.2, "head.weight": 0.4, "back.bias": 0.6, "inner.weight": 1.0, "gate.weight": 1.0, "back.weight": 1.0}, rel=1e-5
    )


def test_a_head_that_is_tied_has_no_values_of_its_own() -> None:
    with pytest.raises(PipelineError, match="tied to the embeddings") as caught:
        Optimizers(Toy(), MATRICES, by_sgd(head=(0.1, None)), section="pretrain")
    assert "pretrain.groups.head.lr=null" in caught.value.mend


def test_each_weight_has_one_optimizer_and_norms_are_not_decayed() -> None:
    toy = Toy()
    before = {name: weight.detach().clone() for name, weight in toy.named_parameters()}
    both = Optimizers(toy, MATRICES, RECIPE, section="pretrain")
    for weight in toy.parameters():
        weight.grad = torch.zeros_like(weight)
    both.step(1.0)
    still = {name for name, weight in toy.named_parameters() if torch.equal(weight, before[name])}
    assert still == {*MATRICES, "back.bias"}  # AdamW decays the embedding; Muon has no decay here and the bias is a vector
    adamw = [f"adamw/{name}.{key}" for name in ("embed.weight", "back.bias") for key in ("exp_avg", "exp_avg_sq", "step")]
    assert sorted(both.tensors()) == sorted(["muon/momentum.0", "muon/momentum.1", *adamw])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"adamw": None}, "exactly one of sgd, adam, adamw.*found none"),
        ({"lion": section("lion")["lion"]}, "exactly one of .*found adamw, lion"),
        ({"normuon": section("normuon")["normuon"]}, "one optimizer, found muon and normuon"),
        ({"sgd": {"lr": 1.0, "weight_decay": 0.0, "momentum": 0.0, "nesterov": True}}, "momentum above 0"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(PipelineError, match=told):
        fitting(duration=1, seed=1, **changes)
