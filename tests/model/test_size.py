"""What a budget buys, against figures that are known."""

import pytest

from pipeline.model import size
from pipeline.model.shapes import checked
from tests.tiny_shape import SHAPE


def test_the_cache_of_a_gpt2_at_4096_positions() -> None:
    assert size.cache_bytes(layers=12, kv_heads=12, head_size=64, positions=4096, bits=16) == 150_994_944


@pytest.mark.parametrize(("bits", "gigabytes"), [(16, 140), (8, 70), (4, 35)])
def test_the_weights_of_70_billion_parameters(bits: int, gigabytes: int) -> None:
    assert size.weight_bytes(70e9, bits=bits) == gigabytes * 1e9


@pytest.mark.parametrize(("parameters", "tokens"), [(1e9, 20e9), (10e9, 200e9), (70e9, 1400e9)])
def test_parameters_want_twenty_tokens_each(parameters: float, tokens: float) -> None:
    assert size.tokens_for(parameters) == tokens


def test_a_budget_is_spent_whole_and_at_twenty_tokens_a_parameter() -> None:
    parameters, tokens = size.optimal(5.76e23)  # Chinchilla's own: 70 billion parameters, 1.4 trillion tokens
    assert parameters == pytest.approx(70e9, rel=0.02)
    assert 6 * parameters * tokens == pytest.approx(5.76e23)


def test_shapes_grow_and_fit_four_bit_blocks() -> None:
    found = size.shapes()
    assert [one["hidden_size"] for one in found] == sorted({one["hidden_size"] for one in found})
    for one in found:
        assert one["hidden_size"] == one["heads"] * size.HEAD
        assert checked(SHAPE | one).inner % 32 == 0


def test_the_nearest_is_so_by_ratio() -> None:
    assert size.nearest({0: 100, 1: 1000}, 300) == 0
    assert size.nearest({0: 100, 1: 1000}, 320) == 1
