"""What rounding alone makes of a model, by torch and numpy: the measure of all that a file may be off.

A GGUF file rounds weights, and llama.cpp rounds what it multiplies them with: to f16 for F16 matrices, to 8 bits for quantized ones.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGMLQuantizationType as Type
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from pipeline.export.blocks import decode, encode
from pipeline.export.gguf_types import WIDE_BLOCK
from pipeline.export.gptq import GROUP, damped

# outputs O, inputs I; weights and types by transformers' names
Array = npt.NDArray[np.float32]
Products = npt.NDArray[np.float64]


def to_nearest(module: PreTrainedModel, types: Mapping[str, Type]) -> dict[str, Array]:
    """The weights of the module, each rounded to the nearest value that its type has, by ggml's own rules."""
    weights = {name: weight.detach().float().numpy() for name, weight in module.state_dict().items() if name in types}
    turned = _turned(module)
    return {
        name: _nearest(weight.T, types[name]).T if name in turned else _nearest(weight, types[name]) for name, weight in weights.items()
    }


def _turned(module: torch.nn.Module) -> set[str]:
    """The weights that transformers has as [I, O]: rows of the file are columns there."""
    return {f"{name}.weight" for name, layer in module.named_modules() if isinstance(layer, Conv1D)}


def _nearest(weight: Array, kind: Type) -> Array:
    if kind == Type.F32:
        return weight
    return decode(encode(weight, kind), kind).reshape(weight.shape)


def row_errors(
    held: Mapping[str, Array], nearest: Mapping[str, Array], module: PreTrainedModel, products: Mapping[str, Products]
) -> dict[str, float]:
    """Of each tensor that a file holds its worst row: the error it brings, times that of rounding the row to nearest.

    1 for a tensor that is rounded to nearest. `products`: X^T X of some layers' inputs, by which GPTQ weighs their errors; elsewhere all
    inputs count alike. A row that rounding leaves as it is must be so in the file too, else its error is infinite.
    """
    wanted = module.state_dict()
    turned = _turned(module)
    worst = {}
    with np.errstate(all="ignore"):  # a damaged file may hold anything
        for name, weight in held.items():
            if np.array_equal(weight, nearest[name]):
                worst[name] = 1.0
                continue
            inputs, exact = products.get(name.removesuffix(".weight")), wanted[name].numpy()
            differences = (other - exact for other in (weight, nearest[name]))
            found, least = (_squares(one.T if name in turned else one, inputs) for one in differences)
            worst[name] = float(np.where(found == least, 1.0, found / least).max())
    return worst


def _squares(error: Array, products: Products | None) -> npt.NDArray[np.float64]:
    """[O] from [O, I], or one number from a vector."""
    rows = np.atleast_2d(error.astype(np.float64))
    squares: npt.NDArray[np.float64] = ((rows if products is None else rows @ damped(products)) * rows).sum(axis=1)
    return squares


def filled(module: PreTrainedModel, weights: Mapping[str, Array]) -> PreTrainedModel:
    """The module with these weights, by transformers' names."""
    missing = module.load_state_dict({name: torch.tensor(weight) for name, weight in weights.items()}, strict=False).missing_keys
    if set(missing) - {"lm_head.weight"} or (missing and not module.config.tie_word_embeddings):
        raise ValueError(f"the file lacks {missing}")
    module.tie_weights()
    module.train(False)
    return module


@contextmanager
def rounded_inputs(module: PreTrainedModel, types: Mapping[str, Type]) -> Iterator[None]:
    """Inside, each linear layer gets its inputs as llama.cpp rounds them for a matrix of that type."""
    linears = {name: layer for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear | Conv1D)}
    hooks = [layer.register_forward_pre_hook(_rounding(types[f"{name}.weight"])) for name, layer in linears.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _rounding(kind: Type) -> Callable[[torch.nn.Module, tuple[Tensor]], tuple[Tensor]]:
    round_ = _ROUNDINGS.get(kind, _to_8_bits)
    return lambda layer, inputs: (round_(inputs[0]),)


def _to_f16(inputs: Tensor) -> Tensor:
    return inputs.half().float()


def _to_bf16(inputs: Tensor) -> Tensor:
    return inputs.bfloat16().float()


def _to_8_bits(inputs: Tensor) -> Tensor:
    """ggml's Q8_0: integers up to 127, 32 with one f16 scale."""
    groups = inputs.reshape(*inputs.shape[:-1], -1, GROUP)
    scales = groups.abs().amax(dim=-1, keepdim=True) / 127
    codes = (groups / scales).round().nan_to_num()  # a group of zeros has no scale
    return (codes * scales.half().float()).reshape(inputs.shape)


def _to_wide_8_bits(inputs: Tensor) -> Tensor:
    """ggml's Q8_K: the extreme of 256 becomes -128, one fp32 scale."""
    groups = inputs.reshape(*inputs.shape[:-1], -1, WIDE_BLOCK)
    extremes = groups.gather(-1, groups.abs().argmax(dim=-1, keepdim=True))
    scales = extremes / -128
    codes = (groups / scales).round().clamp(max=127).nan_to_num()
    return (codes * scales).reshape(inputs.shape)


def _not_at_all(inputs: Tensor) -> Tensor:
    return inputs


_ROUNDINGS = {Type.F32: _not_at_all, Type.F16: _to_f16, Type.BF16: _to_bf16} | dict.fromkeys(
    (Type.Q6_K, Type.Q5_K, Type.Q4_K), _to_wide_8_bits
)
