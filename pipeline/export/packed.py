"""Weights in 8 and 4 bits as compressed-tensors holds them: its layouts `pack-quantized` and `int-quantized`, for vLLM and transformers.

Packed, each linear layer becomes `weight_packed`, int32 words that hold codes in order from the lowest bits, each plus half of its range;
`weight_scale`; and `weight_shape`. With activations in 8 bits it becomes its codes and `weight_scale`; what it reads is rounded as it
comes, a scale a token.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.export.architectures import GROUPED
from pipeline.export.gptq import Quantized, in_8_bits, quantize

# outputs O, inputs I, groups G
Array = npt.NDArray[np.float32]
PackedType = Literal["int8", "int4", "w8a8", "awq"]
Products = npt.NDArray[np.float64]

BITS: dict[PackedType, int] = {"int8": 8, "int4": 4, "w8a8": 8, "awq": 4}
_WORD = 32  # bits


def quantized(weight: Array, products: Products, kind: PackedType, *, group_size: int) -> Quantized:
    """Codes and scales of a weight [O, I]: in 4 bits by GPTQ, with products of zero to nearest, a scale for group_size weights; in 8 bits
    to nearest, a scale a row."""
    if kind in GROUPED:
        return quantize(weight, products, group_size=group_size)
    return in_8_bits(weight, group_size=weight.shape[1])


def packed(found: Quantized, kind: PackedType) -> dict[str, Tensor]:
    """The tensors of a layer, by the ends of their names."""
    if kind == "w8a8":
        return {"weight": torch.from_numpy(found.codes), "weight_scale": torch.from_numpy(found.scales)}
    return {
        "weight_packed": torch.from_numpy(_words(found.codes, BITS[kind])),
        "weight_scale": torch.from_numpy(found.scales),
        "weight_shape": torch.tensor(found.codes.shape),
    }


def description(kind: PackedType, *, group_size: int) -> dict[str, Any]:
    """The `quantization_config` of config.json: all linear layers but the head."""
    own = {"strategy": "group", "group_size": group_size} if kind in GROUPED else {"strategy": "channel"}
    common = {"num_bits": BITS[kind], "type": "int", "symmetric": True}
    group: dict[str, Any] = {"targets": ["Linear"], "weights": common | {"dynamic": False} | own}
    if kind == "w8a8":
        group["input_activations"] = common | {"dynamic": True, "strategy": "token"}
    return {
        "quant_method": "compressed-tensors",
        "format": "int-quantized" if kind == "w8a8" else "pack-quantized",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": group},
    }


def rounding_inputs(module: PreTrainedModel, kind: PackedType) -> PreTrainedModel:
    """The module, whose linear layers but the head read what a folder of that type lets them read."""
    if kind == "w8a8":
        for name, layer in module.named_modules():
            if isinstance(layer, torch.nn.Linear) and name != "lm_head":
                layer.register_forward_pre_hook(_in_8_bits)
    return module


def _in_8_bits(layer: torch.nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """-128 to 127, a scale for each token: the largest magnitude over 127.5."""
    scales = inputs[0].abs().amax(-1, keepdim=True) / 127.5
    scales = torch.where(scales == 0, torch.finfo(scales.dtype).eps, scales)
    return ((inputs[0] / scales).round().clamp(-128, 127) * scales,)


def _words(codes: npt.NDArray[np.int8], bits: int) -> npt.NDArray[np.int32]:
    """[O, I * bits / 32]; a row that does not fill its last word ends with zeros."""
    a_word = _WORD // bits
    rest = -codes.shape[1] % a_word
    shifted = np.pad((codes.astype(np.int32) + (1 << bits - 1)).astype(np.uint32), ((0, 0), (0, rest)))
    words = np.zeros((len(codes), shifted.shape[1] // a_word), dtype=np.uint32)
    for place in range(a_word):
        words |= shifted[:, place::a_word] << np.uint32(bits * place)
    return words.view(np.int32)
