"""Building: the shape is what was asked for, the weights depend on the seed alone."""

import pytest
import torch

from pipeline.core.errors import PipelineError
from pipeline.model.build import build
from pipeline.model.count import matrices, parameters, training_flops
from tests.model.conftest import SHAPE


@pytest.mark.parametrize("kind", ["qwen3", "llama", "gpt2"])
def test_each_kind_predicts_over_the_vocabulary(kind: str) -> None:
    module = build(SHAPE | {"kind": kind, "kv_heads": 2}, vocabulary=300, seed=1)
    assert module(input_ids=torch.zeros(2, 5, dtype=torch.long)).logits.shape == (2, 5, 300)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, second, other = (build(SHAPE, vocabulary=300, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


def test_no_global_stream_is_touched() -> None:
    before = torch.get_rng_state()
    build(SHAPE, vocabulary=300, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_parameters_are_those_of_the_formula() -> None:
    width, ffn, heads, kv, layers, size = 32, 64, 2, 1, 2, 300
    head = width // heads
    layer = width * head * (heads + 2 * kv + heads) + 3 * width * ffn + 2 * width + 2 * head  # q, k, v, o; ffn; norms; q and k norms
    assert parameters(build(SHAPE, vocabulary=size, seed=1)) == size * width + layers * layer + width
    assert parameters(build(SHAPE | {"tie_embeddings": False}, vocabulary=size, seed=1)) == 2 * size * width + layers * layer + width


def test_matrices_are_the_inner_ones() -> None:
    names = matrices(build(SHAPE | {"tie_embeddings": False}, vocabulary=300, seed=1))
    assert len(names) == 2 * 7
    assert all(".layers." in name for name in names)


def test_training_costs_six_operations_a_weight_and_the_attention() -> None:
    module = build(SHAPE, vocabulary=300, seed=1)
    products = 300 * 32 + 2 * (32 * 16 * 6 + 3 * 32 * 64)
    assert training_flops(module, length=10) == 6 * products + 12 * 2 * 32 * 10


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"heads": 5}, "model.hidden_size="),
        ({"kv_heads": 3, "heads": 4}, "model.kv_heads="),
        ({"kind": "gpt2"}, "model.kv_heads="),
        ({"kind": "mamba"}, "model.kind="),
        ({"depth": 3}, "it needs exactly"),
    ],
)
def test_a_shape_that_can_not_be_built_names_the_key(change: dict[str, object], mend: str) -> None:
    with pytest.raises(PipelineError, match=mend):
        build(SHAPE | change, vocabulary=300, seed=1)
