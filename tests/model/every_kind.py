"""The smallest shape of each kind of model."""

from typing import Any

from tests.tiny_shape import SHAPE

SCAN: dict[str, Any] = {"state_size": 8, "conv_size": 4, "chunk_size": 8}
OWN: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {},
    "gpt2": {"kv_heads": 2, "activation": "gelu"},
    "bloom": {"kv_heads": 2, "activation": "gelu", "intermediate_size": "auto"},
    "mistral": {"window": 8},
    "mixtral": {"experts": 4, "experts_per_token": 2, "balance_loss": 0.01},
    "deepseek": {"kv_heads": 2, "kv_rank": 16, "q_rank": 16},
    "mamba2": {**SCAN, "intermediate_size": "auto"},
    "bamba": {**SCAN, "attention_every": 2, "expand": 2},
    "transformer": {
        "gated": True,
        "positions": "relative",
        "norm": "layernorm",
        "norm_weights": True,
        "biases": False,
        "pattern": "sparse",
        "window": 8,
    },
    "rnn": {"activation": "tanh"},
    "lstm": {"activation": "tanh"},
    "gru": {"activation": "tanh"},
    "cnn": {"conv_size": 3, "dilation": 2},
}
KINDS = sorted(OWN)


def shape_of(kind: str, **change: Any) -> dict[str, Any]:
    """The shape of a kind, with other values where some are given."""
    return SHAPE | {"kind": kind} | OWN[kind] | change
