"""What a budget buys: a size of model and an amount of text, and what a size takes."""

import math
from collections.abc import Mapping
from typing import Any

TOKENS_A_PARAMETER = 20  # Hoffmann et al. 2022 (Chinchilla), at the optimum of compute
PASSES = 4  # over the same text: up to so many are worth nearly as much as new text (Muennighoff et al. 2023)
HEAD = 64  # width of an attention head, and of a layer for each layer: so the GPTs of all sizes are built, within a factor of two


def optimal(flops: float) -> tuple[float, float]:
    """Parameters and tokens that a budget of operations is best spent on: 6 N D = C and D = 20 N (Hoffmann et al. 2022)."""
    parameters = math.sqrt(flops / (6 * TOKENS_A_PARAMETER))
    return parameters, tokens_for(parameters)


def tokens_for(parameters: float) -> float:
    """Tokens that so many parameters are best taught with."""
    return TOKENS_A_PARAMETER * parameters


def weight_bytes(parameters: float, *, bits: float) -> float:
    """Bytes of the weights."""
    return parameters * bits / 8


def cache_bytes(*, layers: int, kv_heads: int, head_size: int, positions: int, bits: int) -> int:
    """Bytes of the keys and values of one sequence."""
    return 2 * layers * kv_heads * head_size * positions * bits // 8


def shapes() -> list[dict[str, Any]]:
    """Shapes from about a hundred thousand to some billion parameters, smallest first: a layer for each 64 of width, from two layers on."""
    found = [{"layers": max(2, round(width / HEAD)), "hidden_size": width} for width in (*range(64, 640, 64), *range(640, 4097, 128))]
    return [
        {
            **one,
            "heads": max(1, one["hidden_size"] // HEAD),
            "kv_heads": max(1, one["hidden_size"] // HEAD),
            "intermediate_size": "auto",  # by the kind
        }
        for one in found
    ]


def nearest(counts: Mapping[int, int], parameters: float) -> int:
    """The key whose count is nearest to so many parameters, by ratio."""
    return min(counts, key=lambda key: abs(math.log(counts[key] / parameters)))


def passes(tokens: float, text: float) -> float:
    """Passes over a text of so many tokens."""
    return tokens / text


def settings_of(shape: Mapping[str, Any], tokens: float) -> str:
    """What `make repro SET=…` is told."""
    return " ".join([*(f"model.{key}={value}" for key, value in shape.items()), f"pretrain.duration={tokens:.0f}tokens"])
