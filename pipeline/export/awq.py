"""Activation-aware weight quantization: weights that meet large inputs are rounded finer, because they are scaled up before and what makes
those inputs is scaled down. The model computes the same (Lin et al. 2023, arXiv 2306.00978).

inputs I, outputs O
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from pipeline.export.gptq import in_4_bits

Array = npt.NDArray[np.float32]
Products = npt.NDArray[np.float64]
_POWERS = np.arange(0, 1, 0.1)  # of the size of an input; the paper's grid. 0: nothing is scaled
_LEAST = 1e-6  # of the largest mean square: inputs below it count as much


def scaled(module: PreTrainedModel, products: Mapping[str, Products], *, group_size: int) -> PreTrainedModel:
    """A copy whose linear layers lose less by rounding to nearest in 4 bits. `products`: gptq.steering_products of them."""
    found = copy.deepcopy(module)
    with torch.no_grad():
        for producer, consumers in _folds(found):
            parts = [cast(torch.nn.Linear, found.get_submodule(name)) for name in consumers]
            scales = torch.from_numpy(_scales([part.weight.numpy() for part in parts], products[consumers[0]], group_size=group_size))
            for part in parts:
                part.weight *= scales
            weight: Any = found.get_submodule(producer).weight
            weight /= scales if weight.ndim == 1 else scales[:, None]
    return found


def _folds(module: PreTrainedModel) -> Iterator[tuple[str, Sequence[str]]]:
    """The module that makes some inputs, and the linear layers that read them."""
    config = module.config
    for number in range(config.num_hidden_layers):
        at = f"model.layers.{number}"
        yield f"{at}.input_layernorm", [f"{at}.self_attn.{part}_proj" for part in "qkv"]
        if config.num_attention_heads == config.num_key_value_heads:
            yield f"{at}.self_attn.v_proj", [f"{at}.self_attn.o_proj"]
        yield f"{at}.post_attention_layernorm", [f"{at}.mlp.gate_proj", f"{at}.mlp.up_proj"]
        yield f"{at}.mlp.up_proj", [f"{at}.mlp.down_proj"]


def _scales(weights: Sequence[Array], products: Products, *, group_size: int) -> Array:
    """[I]: the power of the sizes of the inputs by which the outputs of these weights [O, I] are changed least by rounding."""
    squares = np.diagonal(products)
    sizes = np.sqrt(np.maximum(squares, _LEAST * squares.max()) if squares.max() else np.ones_like(squares))
    tried = list[Array]()
    for power in _POWERS:
        scales = sizes**power
        tried.append((scales / np.sqrt(scales.max() * scales.min())).astype(np.float32))
    costs = [sum(_cost(weight, scales, products, group_size=group_size) for weight in weights) for scales in tried]
    return tried[int(np.argmin(costs))]


def _cost(weight: Array, scales: Array, products: Products, *, group_size: int) -> float:
    rounded = in_4_bits(weight * scales, group_size=group_size).weights() / scales
    error = (rounded - weight).astype(np.float64)
    return float(((error @ products) * error).sum())
