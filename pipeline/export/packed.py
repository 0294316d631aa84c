"""Weights in 8 and 4 bits as compressed-tensors packs them, the layout `pack-quantized` that vLLM and transformers read.

Each linear layer becomes `weight_packed`, int32 words that hold codes in order from the lowest bits, each plus half of its range;
`weight_scale`; and `weight_shape`.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.export.gptq import Quantized, in_8_bits, quantize

# outputs O, inputs I, groups G
Array = npt.NDArray[np.float32]
PackedType = Literal["int8", "int4"]
Products = npt.NDArray[np.float64]

BITS: dict[PackedType, int] = {"int8": 8, "int4": 4}
_WORD = 32  # bits


def quantized(weight: Array, products: Products, kind: PackedType, *, group_size: int) -> Quantized:
    """Codes and scales of a weight [O, I]: in 4 bits by GPTQ, a scale for group_size weights; in 8 bits to nearest, a scale a row."""
    if kind == "int4":
        return quantize(weight, products, group_size=group_size)
    return in_8_bits(weight, group_size=weight.shape[1])


def packed(found: Quantized, kind: PackedType) -> dict[str, Tensor]:
    """The three tensors of a layer, by the ends of their names."""
    return {
        "weight_packed": torch.from_numpy(_words(found.codes, BITS[kind])),
        "weight_scale": torch.from_numpy(found.scales),
        "weight_shape": torch.tensor(found.codes.shape),
    }


def description(kind: PackedType, *, group_size: int) -> dict[str, Any]:
    """The `quantization_config` of config.json: all linear layers but the head."""
    own = {"strategy": "group", "group_size": group_size} if kind == "int4" else {"strategy": "channel"}
    weights = {"num_bits": BITS[kind], "type": "int", "symmetric": True, "dynamic": False} | own
    return {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }


def _words(codes: npt.NDArray[np.int8], bits: int) -> npt.NDArray[np.int32]:
    """[O, I * bits / 32]; a row that does not fill its last word ends with zeros."""
    a_word = _WORD // bits
    rest = -codes.shape[1] % a_word
    shifted = np.pad((codes.astype(np.int32) + (1 << bits - 1)).astype(np.uint32), ((0, 0), (0, rest)))
    words = np.zeros((len(codes), shifted.shape[1] // a_word), dtype=np.uint32)
    for place in range(a_word):
        words |= shifted[:, place::a_word] << np.uint32(bits * place)
    return words.view(np.int32)
