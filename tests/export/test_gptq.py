"""4-bit weights that mind what they are multiplied with."""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.export.gguf_file import read_gguf, steered_layers, write_gguf
from pipeline.export.gptq import damped, input_products, quantize, steering_products
from pipeline.model.disk import load
from pipeline.tokens.special import IDS, PAD
from tests.export.conftest import LENGTH, SIZE

Q4_0 = gguf.GGMLQuantizationType.Q4_0
WEIGHT = stream(1, "weight").normal(size=(48, 96)).astype(np.float32)
MIXED = stream(1, "inputs").normal(size=(500, 48)) @ stream(1, "mixing").normal(size=(48, 96))  # inputs that go together
ROWS = stream(1, "rows").integers(len(IDS), SIZE, size=(6, LENGTH))


def loss(weight: npt.NDArray[np.float32]) -> float:
    return float(np.square(MIXED @ (weight - WEIGHT).T.astype(np.float64)).mean())


def test_the_error_on_the_calibration_rows_is_far_below_that_of_rounding_to_nearest() -> None:
    ours = gguf.quants.dequantize(quantize(WEIGHT, MIXED.T @ MIXED).blocks(), Q4_0)
    nearest = gguf.quants.dequantize(gguf.quants.quantize(WEIGHT, Q4_0), Q4_0)
    assert loss(ours) < 0.5 * loss(nearest)


def test_without_inputs_each_weight_is_rounded_to_its_nearest() -> None:
    nearest = gguf.quants.dequantize(gguf.quants.quantize(WEIGHT, Q4_0), Q4_0)
    ours = gguf.quants.dequantize(quantize(WEIGHT, np.zeros((96, 96))).blocks(), Q4_0)
    assert np.isclose(ours, nearest, rtol=1e-3).mean() > 0.995  # ggml rounds the scale after dividing by it, we before


def test_where_all_inputs_count_alike_only_the_scales_can_be_better_and_no_row_is_worse() -> None:
    nearest = gguf.quants.dequantize(gguf.quants.quantize(WEIGHT, Q4_0), Q4_0)
    found = quantize(WEIGHT, 7 * np.eye(96)).weights()
    ours, theirs = (np.square(one - WEIGHT).sum(axis=1) for one in (found, nearest))
    assert (ours <= theirs * 1.001).all()  # of a rounded scale
    assert ours.sum() < 0.95 * theirs.sum()


def test_no_single_code_could_be_another_with_less_error() -> None:
    """The end of coordinate descent, by an oracle that tries every neighbour of every code of a row."""
    products = damped(MIXED.T @ MIXED)
    found = quantize(WEIGHT, MIXED.T @ MIXED)
    codes, scale = found.codes[:6].astype(np.float64), np.repeat(found.scales[:6].astype(np.float64), 32, axis=1)
    better = total = 0
    for row, (own, step) in enumerate(zip(codes, scale, strict=True)):
        error = WEIGHT[row] - own * step
        least = error @ products @ error
        for place in range(96):
            for other in {max(own[place] - 1, -8), min(own[place] + 1, 7)} - {own[place]}:
                moved = error.copy()
                moved[place] -= (other - own[place]) * step[place]
                better, total = better + (moved @ products @ moved < least * (1 - 1e-9)), total + 1
    assert better < 0.01 * total


def test_ggufs_dequantizer_reads_code_times_scale_from_the_blocks() -> None:
    found = quantize(WEIGHT, MIXED.T @ MIXED)
    assert (found.codes.min(), found.codes.max(), found.blocks().shape) == (-8, 7, (48, 96 // 32 * 18))
    meant = found.codes.astype(np.float32) * np.repeat(found.scales.astype(np.float32), 32, axis=1)
    assert np.array_equal(gguf.quants.dequantize(found.blocks(), Q4_0), meant)


def test_weights_of_zero_and_inputs_of_zero_do_no_harm() -> None:
    weight = WEIGHT.copy()
    weight[:, 32:64] = 0
    weight[3] = 0
    inputs = MIXED.copy()
    inputs[:, 5] = 0
    found = quantize(weight, inputs.T @ inputs)
    assert np.isfinite(found.scales).all()
    assert not found.codes[3].any()


@pytest.mark.parametrize("kind", ["qwen3", "llama"])
def test_the_file_holds_the_codes_of_each_layer_in_the_order_of_transformers(
    kind: str, model: Callable[..., Model], tmp_path: Path
) -> None:
    source = model(kind)
    module = load(source, device="cpu")
    layers = steered_layers(module, ("Q4_0",), ("output", "ffn_down"))
    assert len(layers) == 2 * 6
    products = input_products(module, ROWS, layers)
    for name in ("one", "other"):
        again = input_products(module, ROWS, layers)
        write_gguf(
            tmp_path / name, module, source.path, kind="Q4_0", name="tiny", keep_f16=("output", "ffn_down"), products=again, notes={}
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    written, weights = read_gguf(tmp_path / "one", module.config).weights, module.state_dict()
    for layer in layers:
        found = quantize(weights[f"{layer}.weight"].numpy(), products[layer])
        meant = found.codes.astype(np.float32) * np.repeat(found.scales.astype(np.float32), 32, axis=1)
        assert np.array_equal(written[f"{layer}.weight"], meant), layer


def test_the_products_are_those_of_the_inputs_and_padding_is_no_input(model: Callable[..., Model]) -> None:
    module = load(model("qwen3"), device="cpu")
    layer = "model.layers.0.self_attn.q_proj"
    normed = module.get_submodule("model.layers.0.input_layernorm")(module.get_input_embeddings()(torch.from_numpy(ROWS)))
    inputs = normed.detach().flatten(0, 1).double().numpy()
    assert np.allclose(input_products(module, ROWS, [layer])[layer], inputs.T @ inputs, rtol=1e-4, atol=1e-4)
    padded = np.pad(ROWS, ((0, 0), (0, 9)), constant_values=IDS[PAD])
    assert np.allclose(input_products(module, padded, [layer])[layer], inputs.T @ inputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", ["model.layers.0.self_attn.v_proj", "model.layers.1.mlp.down_proj"])
def test_the_steering_products_foretell_the_kl_of_noise_in_a_weight(layer: str, model: Callable[..., Model]) -> None:
    """Noise of deviation d in each of O rows costs, to second order, d^2 / 2 times O times the trace."""
    module, deviation = load(model("qwen3"), device="cpu").double(), 1e-3
    products = steering_products(module, ROWS, [layer], seed=1)[layer]
    weight = module.get_parameter(f"{layer}.weight")
    with torch.no_grad():
        before, exact = module(torch.from_numpy(ROWS)).logits.log_softmax(-1), weight.clone()
        lost = 0.0
        for draw in range(16):
            weight.copy_(exact + deviation * torch.from_numpy(stream(2, "noise", draw).normal(size=tuple(weight.shape))))
            lost += float((before.exp() * (before - module(torch.from_numpy(ROWS)).logits.log_softmax(-1))).sum()) / 16
    assert lost == pytest.approx(deviation**2 / 2 * len(weight) * np.trace(products), rel=0.25)


def test_the_steering_products_are_the_same_for_a_seed_and_padding_counts_nothing(model: Callable[..., Model]) -> None:
    module, layer = load(model("qwen3"), device="cpu"), "model.layers.0.mlp.gate_proj"
    one, again, other = (steering_products(module, ROWS, [layer], seed=seed)[layer] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    padded = np.pad(ROWS, ((0, 0), (0, 9)), constant_values=IDS[PAD])
    assert np.allclose(steering_products(module, padded, [layer], seed=1)[layer], one, rtol=1e-3, atol=1e-3 * one.max())


def test_a_model_with_nan_is_refused_by_the_name_of_the_layer(model: Callable[..., Model]) -> None:
    module = load(model("qwen3"), device="cpu")
    module.get_submodule("model.layers.0.input_layernorm").weight.data[:] = torch.nan
    with pytest.raises(PipelineError, match=r"model\.layers\.0\.self_attn\.q_proj.* not finite"):
        input_products(module, ROWS, ["model.layers.0.self_attn.q_proj"])
