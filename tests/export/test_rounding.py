"""What rounding alone makes, against its definition and against llama.cpp."""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Type

from pipeline.core.artifact.model import Model
from pipeline.core.seed import stream
from pipeline.export.gguf_file import read_gguf, write_gguf
from pipeline.export.gguf_types import FileType
from pipeline.export.gptq import damped, quantize
from pipeline.export.llama_runtime import Runtime
from pipeline.export.rounding import rounded_inputs, row_errors, to_nearest
from pipeline.model.disk import load
from pipeline.tokens.special import IDS
from tests.export.conftest import LENGTH, SIZE

INPUTS = stream(1, "inputs").normal(size=(7, 96)).astype(np.float32)


class Layer(torch.nn.Module):
    """One linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.up = torch.nn.Linear(96, 48, bias=False)


def test_inputs_of_quantized_matrices_are_rounded_as_ggml_rounds_them_and_only_inside() -> None:
    layer, inputs = Layer(), INPUTS.copy()
    inputs[3, 32:64] = 0
    meant = {
        Type.F16: inputs.astype(np.float16).astype(np.float32),
        Type.Q8_0: gguf.quants.dequantize(gguf.quants.quantize(inputs, Type.Q8_0), Type.Q8_0),
    }
    meant[Type.Q4_0] = meant[Type.Q8_0]
    with torch.inference_mode():
        for kind, rounded in meant.items():
            with rounded_inputs(layer, {"up.weight": kind}):
                found = layer.up(torch.from_numpy(inputs))
            assert torch.allclose(found, layer.up(torch.from_numpy(rounded)), atol=1e-6)
            assert not torch.allclose(found, layer.up(torch.from_numpy(inputs)), atol=1e-6)


def test_a_row_is_weighed_by_the_inputs_that_its_rounding_was_steered_by() -> None:
    layer = Layer()
    weight, products = layer.up.weight.detach().numpy(), INPUTS.T.astype(np.float64) @ INPUTS
    nearest = to_nearest(layer, {"up.weight": Type.Q4_0})
    steered = {"up.weight": gguf.quants.dequantize(quantize(weight, products).blocks(), Type.Q4_0)}
    errors = [one["up.weight"].astype(np.float64) - weight for one in (steered, nearest)]
    squares = [np.einsum("oi,ij,oj->o", error, damped(products), error) for error in errors]
    found = row_errors(steered, nearest, layer, {"up": products})["up.weight"]
    assert np.isclose(found, (squares[0] / squares[1]).max(), rtol=1e-6)
    assert row_errors(steered, nearest, layer, {})["up.weight"] > found, "to nearest is best where all inputs count alike"
    assert row_errors(nearest, nearest, layer, {"up": products}) == {"up.weight": 1}


def test_what_rounding_leaves_as_it_is_must_be_so_in_the_file() -> None:
    layer = Layer()
    layer.up.weight.data = layer.up.weight.data.half().float()
    nearest = to_nearest(layer, {"up.weight": Type.F16})
    moved = {"up.weight": nearest["up.weight"].copy()}
    assert row_errors(moved, nearest, layer, {}) == {"up.weight": 1}
    moved["up.weight"][3, 4] += 1e-6
    assert row_errors(moved, nearest, layer, {}) == {"up.weight": np.inf}


@pytest.mark.parametrize(("shape", "scale"), [("qwen3", 4), ("llama", 16)])  # flash attention, in f16, makes 1.15 and 1.25 of F16
def test_llama_cpp_is_off_by_what_rounding_its_inputs_makes(shape: str, scale: float, model: Callable[..., Model], tmp_path: Path) -> None:
    source = model(shape, scale=scale)
    module = load(source, device="cpu")
    row = stream(1, "row").integers(len(IDS), SIZE, size=(1, LENGTH))
    kinds: tuple[FileType, ...] = ("F16", "Q8_0")
    for kind in kinds:
        path = tmp_path / f"{kind}.gguf"
        write_gguf(path, module, source.path, kind=kind, name="tiny", keep_f16=(), products={}, notes={})
        held = load(source, device="cpu")
        held.load_state_dict({name: torch.tensor(weight) for name, weight in read_gguf(path, held.config).weights.items()}, strict=False)
        with Runtime(path, context=LENGTH, threads=1) as runtime, torch.inference_mode():
            found, exact = runtime.logits(row[0].tolist()), held(input_ids=torch.from_numpy(row)).logits[0].numpy()
            with rounded_inputs(held, read_gguf(path, held.config).types):
                rounded = held(input_ids=torch.from_numpy(row)).logits[0].numpy()
        most = 1.05 if kind == "F16" else 1.25
        assert 1 / most < np.abs(found - exact).mean() / np.abs(rounded - exact).mean() < most, kind
