"""Soft labels: the mean of several models, and what a module loses on it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from pipeline.model.ahead import Ahead
from pipeline.model.build import build
from pipeline.model.distillation import Distillation, Ensemble, Soft
from pipeline.model.held_out import SlidingWindow, bits_per_byte, of_teachers
from pipeline.model.objective import NextToken
from tests.packed import packed
from tests.tiny_shape import SHAPE

ROWS = packed([np.random.default_rng(1).integers(8, 64, 20).tolist() for _ in range(12)], row=32, facts={"bytes": 1000, "bits": None})
NUMBERS = np.arange(4)


def made(seed: int) -> PreTrainedModel:
    module = build(SHAPE, vocabulary=64, seed=seed)
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim == 2:
                weight *= 10
    return module


def lost(module: PreTrainedModel, weight: float, temperature: float = 1.0, teachers: int = 2) -> torch.Tensor:
    soft = Soft(
        Ensemble([made(number) for number in range(2, 2 + teachers)]),
        Distillation(teachers=teachers, weight=weight, temperature=temperature),
    )
    return NextToken(ROWS, context=64, soft=soft).loss(module.train(), NUMBERS, "cpu")[0]


def test_the_ensemble_is_the_mean_of_probabilities() -> None:
    members, ids = [made(1), made(2), made(3)], torch.arange(8, 20)[None]
    found = Ensemble(members)(input_ids=ids, use_cache=False).logits
    expected = torch.stack([one(input_ids=ids).logits.softmax(-1) for one in members]).mean(0)
    torch.testing.assert_close(found.exp(), expected)
    assert not found.requires_grad


def test_without_weight_the_loss_is_that_of_the_text() -> None:
    module = made(1)
    plain, _ = NextToken(ROWS, context=64).loss(module.train(), NUMBERS, "cpu")
    assert float(lost(module, 0.0).detach()) == float(plain.detach())


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_with_all_the_weight_the_loss_is_the_divergence_of_the_predicted_tokens(temperature: float) -> None:
    module, batch = made(1), Ahead(ROWS).take(NUMBERS, "cpu")
    ids, positions, targets = batch.ids, batch.positions, batch.targets
    words = {"input_ids": ids, "position_ids": positions, "use_cache": False}
    teachers = torch.stack([(made(seed)(**words).logits / temperature).softmax(-1) for seed in (2, 3)]).mean(0)
    own = (module(**words).logits / temperature).log_softmax(-1)
    apart = F.kl_div(own, teachers, reduction="none").sum(-1)[targets != -100].sum()
    assert float(lost(module, 1.0, temperature).detach()) == pytest.approx(temperature**2 * float(apart.detach()), rel=1e-5)


def test_its_own_distribution_has_nothing_to_teach() -> None:
    module = made(2)
    soft = lost(module, 1.0, teachers=1)
    soft.backward()
    assert abs(float(soft.detach())) < 1e-3
    assert all(weight.grad is None or float(weight.grad.abs().max()) < 1e-3 for weight in module.parameters())


def test_the_teachers_do_not_learn_and_are_not_asked_when_the_module_is_read() -> None:
    module, teachers = made(1), [made(2)]
    objective = NextToken(ROWS, context=64, soft=Soft(Ensemble(teachers), Distillation(teachers=1, weight=0.5, temperature=1.0)))
    objective.loss(module.train(), NUMBERS, "cpu")[0].backward()
    assert all(weight.grad is None for weight in teachers[0].parameters())
    plain, _ = NextToken(ROWS, context=64).loss(module.eval(), NUMBERS, "cpu")
    assert float(objective.loss(module, NUMBERS, "cpu")[0].detach()) == float(plain.detach())


def test_a_step_with_teachers_is_known_to_take_more_memory() -> None:
    module, soft = made(1), Soft(Ensemble([made(2)]), Distillation(teachers=1, weight=0.5, temperature=1.0))
    assert NextToken(ROWS, context=64, soft=soft).need(module).row > NextToken(ROWS, context=64).need(module).row


def test_the_mean_of_two_is_told_beside_each_and_beats_the_worse() -> None:
    teachers, window = [made(1), made(2)], SlidingWindow(window=32, stride=16, batch_size=4)
    found = of_teachers(teachers, ROWS, window)
    assert found["members"] == [bits_per_byte(one, ROWS, window)["bits_per_byte"] for one in teachers]
    assert found["bits_per_byte"] < max(found["members"])  # the logarithm is concave
    assert math.isfinite(found["bits_per_byte"])
