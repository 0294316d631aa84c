"""Counts: known before anything is built, and what a built module, torch's own counter and an optimizer say."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.model import count, memory
from pipeline.model.build import blank, build
from pipeline.train.optimizers.choice import Optimizers
from tests.model.every_kind import KINDS, SCAN, shape_of
from tests.model.test_kinds import ROWS, SIZE, loss_of
from tests.train.conftest import fitting

STATEFUL = ("mamba2", "bamba")
UNCOUNTED = (*STATEFUL, "lstm")  # by torch: its kernel of an LSTM is not among what its counter knows
WIDTH, INNER, LAYERS = 32, 64, 2  # of the tiny shape


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_is_counted_before_it_is_built(kind: str) -> None:
    before, built = blank(shape_of(kind), vocabulary=SIZE), build(shape_of(kind), vocabulary=SIZE, seed=1)
    assert {weight.device.type for weight in before.parameters()} == {"meta"}
    for known in (
        count.parameters,
        count.parameters_by_part,
        count.matrices,
        lambda module: count.training_flops(module, length=64),
        lambda module: count.state(module, muon=True),
        lambda module: memory.learning(module, tokens=64),
    ):
        assert known(before) == known(built)


def test_a_shape_of_seventy_billion_weights_is_counted_on_any_machine() -> None:
    own = {"layers": 80, "hidden_size": 8192, "heads": 64, "kv_heads": 8, "intermediate_size": 28672, "tie_embeddings": False}
    assert count.parameters(blank(shape_of("llama", **own), vocabulary=128256)) == 70_553_706_496  # Llama 3 70B, Meta 2024


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_each_weight_is_of_one_part(kind: str, tied: bool) -> None:
    module = build(shape_of(kind, tie_embeddings=tied), vocabulary=SIZE, seed=1)
    parts = count.parameters_by_part(module)
    positions = {"gpt2": 64 * WIDTH, "transformer": 32 * 2}.get(kind, 0)  # of the latter a number a bucket and head
    assert sum(parts.values()) == count.parameters(module)
    assert parts["embedding"] == SIZE * WIDTH + positions
    assert parts.get("head", 0) == (0 if tied else SIZE * WIDTH)
    assert ("state_space" in parts) == (kind in STATEFUL)


@pytest.mark.parametrize(
    ("kind", "part", "expected"),
    [
        ("bloom", "feed_forward", LAYERS * (2 * WIDTH * 4 * WIDTH + 5 * WIDTH)),
        ("mistral", "attention", LAYERS * WIDTH * 16 * (2 + 1 + 1 + 2)),
        ("mixtral", "feed_forward", LAYERS * (4 * 3 * WIDTH * INNER + 4 * WIDTH)),
        ("deepseek", "attention", LAYERS * (32 * 16 + 16 * 2 * (16 + 8) + 32 * (16 + 8) + 16 * 2 * (16 + 16) + 32 * 32)),
        ("mamba2", "state_space", LAYERS * (32 * (64 + (64 + 2 * 8) + 2) + (64 + 2 * 8) * (4 + 1) + 3 * 2 + 64 * 32)),
        ("bamba", "state_space", 32 * (64 + (64 + 2 * 8) + 2) + (64 + 2 * 8) * (4 + 1) + 3 * 2 + 64 * 32),
        ("bamba", "attention", WIDTH * 16 * (2 + 1 + 1 + 2)),
        ("rnn", "recurrence", LAYERS * (INNER * (WIDTH + INNER + 2) + INNER * WIDTH)),
        ("lstm", "recurrence", LAYERS * (4 * INNER * (WIDTH + INNER + 2) + INNER * WIDTH)),
        ("gru", "recurrence", LAYERS * (3 * INNER * (WIDTH + INNER + 2) + INNER * WIDTH)),
        ("cnn", "convolution", LAYERS * (3 * WIDTH * 2 * INNER + INNER * WIDTH)),
    ],
)
def test_a_part_is_that_of_the_formula(kind: str, part: str, expected: int) -> None:
    assert count.parameters_by_part(blank(shape_of(kind), vocabulary=SIZE))[part] == expected


@pytest.mark.parametrize("kind", sorted({*KINDS} - {*UNCOUNTED}))
def test_operations_are_those_that_torch_counts(kind: str) -> None:
    own: dict[str, Any] = {"window": 24} if kind == "mistral" else {}
    module = build(shape_of(kind, **own), vocabulary=SIZE, seed=1).train()
    module.set_attn_implementation("eager")  # torch's kernel on a CPU is not among what its counter knows
    with FlopCounterMode(display=False) as counter:
        loss_of(module, ROWS).backward()
    constant = sum(weight.numel() for name, weight in module.named_parameters() if name.endswith("weight_hh_l0"))
    first = 2 * constant * len(ROWS)  # a row's first state of a recurrence is no one's to learn
    assert counter.get_total_flops() + first == count.training_flops(module, length=ROWS.shape[1]) * ROWS.numel()


def test_a_window_a_state_and_idle_experts_cost_nothing() -> None:
    def flops(kind: str, length: int, **change: Any) -> int:
        return count.training_flops(blank(shape_of(kind, **change), vocabulary=SIZE), length=length)

    assert flops("mistral", 64) == flops("mistral", 8) == flops("mistral", 64, window=None) - 12 * LAYERS * WIDTH * (64 - 8)
    assert flops("mixtral", 8, experts=8) == flops("mixtral", 8, experts=4) + 6 * LAYERS * 4 * WIDTH  # four more rows of the router
    assert flops("mamba2", 64) == flops("mamba2", 8)
    assert flops("bamba", 64) - flops("bamba", 8) == 12 * 1 * WIDTH * (64 - 8)
    inner, state = 2 * WIDTH, SCAN["state_size"]
    assert flops("mamba2", 8, state_size=state + 1) - flops("mamba2", 8) == LAYERS * (18 * inner + 6 * 2 * (WIDTH + 4))


@pytest.mark.parametrize("kind", KINDS)
def test_matrices_are_the_flat_ones_inside_the_layers(kind: str) -> None:
    module = build(shape_of(kind, tie_embeddings=False), vocabulary=SIZE, seed=1)
    named, names = dict(module.named_parameters()), count.matrices(module)
    layers = {name for name in named if ".layers." in name or ".h." in name}
    assert set(names) == {name for name in layers if named[name].ndim == 2}
    assert {name.split(".")[-2] for name in layers - set(names) if named[name].ndim > 2} <= {"experts", "conv1d"}


@pytest.mark.parametrize("muon", [True, False])
@pytest.mark.parametrize("kind", ["qwen3", "mixtral", "bamba"])
def test_the_state_is_what_weights_gradients_and_optimizer_take(kind: str, muon: bool) -> None:
    module = build(shape_of(kind), vocabulary=SIZE, seed=1)
    recipe = fitting(seed=1) if muon else fitting(seed=1, muon=None)
    optimizers = Optimizers(module, count.matrices(module), recipe, section="pretrain")
    loss_of(module, ROWS).backward()
    optimizers.step(1.0)
    taken = count.state(module, muon=muon)
    bytes_of = lambda tensors: sum(one.numel() * one.element_size() for one in tensors)  # noqa: E731
    assert taken.weights == bytes_of(module.parameters())
    assert taken.gradients == bytes_of(weight.grad for weight in module.parameters())
    assert taken.moments == bytes_of(one for one in optimizers.tensors().values() if one.ndim)  # without AdamW's count of steps
    assert taken.total == taken.weights + taken.gradients + taken.moments


@pytest.mark.parametrize("kind", KINDS)
def test_what_backward_keeps_is_about_what_was_foreseen(kind: str) -> None:
    own = {"layers": 4, "hidden_size": 128, "heads": 4, "kv_heads": 4, "intermediate_size": "auto", "context": 128}
    module = build(shape_of(kind, **own), vocabulary=SIZE, seed=1).train()
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(6, SIZE, (1, 128), generator=torch.Generator().manual_seed(1))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        module.base_model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    assert 0.4 < sum(kept.values()) / memory.learning(module, tokens=128) < 1.1
