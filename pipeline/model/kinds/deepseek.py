"""Latent attention: keys and values are made from a few numbers a token, which is all that the cache would need (DeepSeek-AI 2024).

The feed-forward parts are dense. Experts are mixtral's: those of DeepSeek are balanced by a bias that transformers does not train.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt
from transformers import DeepseekV3Config, PretrainedConfig

from pipeline.model.kind import Fault, Ungrouped


@dataclass(frozen=True, kw_only=True)
class Deepseek(Ungrouped):
    """A model of kind deepseek. A head of q and k has hidden_size / heads numbers without a position and half as many with RoPE."""

    kind: Literal["deepseek"]
    activation: Literal["silu", "gelu", "relu"]  # of the gate
    kv_rank: PositiveInt  # numbers from which keys and values are made
    q_rank: PositiveInt | None  # numbers from which queries are made; null: from the whole width

    model_type: ClassVar[str] = "deepseek_v3"
    own: ClassVar[Mapping[str, str]] = {"kv_rank": "kv_lora_rank", "q_rank": "q_lora_rank"}
    any_mask: ClassVar[bool] = True
    joins: ClassVar[tuple[str, ...]] = ("self_attn.o_proj", "mlp.down_proj")

    def faults(self) -> Iterator[Fault]:
        """Also half a head of an odd width, which RoPE can't turn."""
        yield from super().faults()
        yield from self.faults_of_half_heads()

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration."""
        own: dict[str, Any] = {
            "num_hidden_layers": self.layers,
            "first_k_dense_replace": self.layers,
            "num_mtp_layers": 0,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "qk_nope_head_dim": self.head_size,
            "qk_rope_head_dim": self.head_size // 2,
            "v_head_dim": self.head_size,
            "kv_lora_rank": self.kv_rank,
            "q_lora_rank": self.q_rank,
            "intermediate_size": self.inner,
            "hidden_act": self.activation,
            "max_position_embeddings": self.context,
        }
        return DeepseekV3Config(**own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Of attention whose q and k are wider than its v."""
        return 6 * int(config.num_hidden_layers) * int(config.num_attention_heads) * _head(config) * length

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """transformers caches whole keys and values, not what they are made from."""
        return int(config.num_hidden_layers) * int(config.num_attention_heads) * _head(config) * tokens


def _head(config: PretrainedConfig) -> int:
    """Numbers of a head's q (or k) and its v."""
    return int(config.qk_nope_head_dim + config.qk_rope_head_dim + config.v_head_dim)
