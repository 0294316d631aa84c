"""Reading some positions of padded sequences gives what the whole module gives there."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.model import batches, reading
from pipeline.model.build import build
from pipeline.model.reading import Normed, hidden_at
from tests.model.every_kind import shape_of

LENGTHS = (9, 4, 12, 1)


def sequences() -> tuple[Tensor, Tensor, Tensor]:
    """Ids, what is real, and what is asked for: the second half of each."""
    ids = torch.randint(6, 40, (len(LENGTHS), max(LENGTHS)), generator=torch.Generator().manual_seed(1))
    places, lengths = torch.arange(max(LENGTHS)), torch.tensor(LENGTHS)[:, None]
    return ids, places < lengths, (places < lengths) & (places >= lengths // 2)


def model(kind: str, **changes: Any) -> PreTrainedModel:
    """In float64, with norms whose scales do something."""
    module = build(shape_of(kind, **changes), vocabulary=40, seed=1).double().eval()
    for name, weight in module.named_parameters():
        if "norm" in name:
            weight.data.add_(torch.rand(weight.shape, generator=torch.Generator().manual_seed(2)).double())
    return module


def slopes(module: PreTrainedModel, hidden: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    (hidden * torch.linspace(-1, 1, hidden.numel(), dtype=hidden.dtype).view_as(hidden)).sum().backward()
    return {name: weight.grad.clone() for name, weight in module.base_model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize(
    ("kind", "changes"), [("qwen3", {"heads": 4, "kv_heads": 2}), ("llama", {}), ("mistral", {"layers": 1}), ("gpt2", {})]
)
def test_states_and_slopes_are_those_of_the_module(kind: str, changes: dict[str, Any]) -> None:
    module, (ids, real, wanted) = model(kind, **changes), sequences()
    whole = module.base_model(input_ids=ids).last_hidden_state[wanted]
    found = hidden_at(module, ids, real, wanted)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)  # the module norms in fp32
    expected, ours = slopes(module, whole), slopes(module, found)
    assert ours.keys() == expected.keys()
    for name, slope in expected.items():
        torch.testing.assert_close(ours[name], slope, rtol=1e-4, atol=1e-5, msg=name)


def test_layers_of_llama_s_kind_are_read_here_and_others_by_their_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_read", lambda *_: "here")
    assert hidden_at(model("qwen3"), *sequences()) == "here"  # type: ignore[comparison-overlap]
    learning = model("qwen3").train()
    for module in (model("gpt2"), learning):
        assert isinstance(hidden_at(module, *sequences()), Tensor)


def test_what_stands_in_the_padding_changes_nothing_and_has_no_slope() -> None:
    module, (ids, real, wanted) = model("qwen3"), sequences()
    other = torch.where(real, ids, 39 - ids + 6)
    one, two = (hidden_at(module, some, real, wanted) for some in (ids, other))
    assert torch.equal(one, two)
    only_padding = set(other[~real].tolist()) - set(other[real].tolist())
    moved = slopes(module, two)["embed_tokens.weight"]
    assert only_padding
    assert all(not moved[token].any() for token in only_padding)


def test_the_slope_of_a_norm() -> None:
    generator = torch.Generator().manual_seed(3)
    numbers, scale = (torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in ((3, 2, 4), (4,)))
    assert torch.autograd.gradcheck(lambda one, two: Normed.apply(one, two, 1e-3), (numbers, scale))


def test_without_slopes_and_in_long_rows_it_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows at a time, or scores that are not written down."""
    module, (ids, real, wanted) = model("qwen3", heads=4, kv_heads=2), sequences()
    found = hidden_at(module, ids, real, wanted)
    moved = slopes(module, found)
    monkeypatch.setitem(batches.AT_ONCE, "cpu", 16)
    with torch.no_grad():
        torch.testing.assert_close(hidden_at(module, ids, real, wanted), found, rtol=0, atol=1e-9)
    monkeypatch.setattr(reading, "SHORT", 4)
    again = hidden_at(module, ids, real, wanted)
    torch.testing.assert_close(again, found, rtol=0, atol=1e-9)
    for name, slope in slopes(module, again).items():
        torch.testing.assert_close(slope, moved[name], rtol=1e-7, atol=1e-9, msg=name)
