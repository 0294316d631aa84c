"""Layers of llama's kind, computed with few operations: matrices that read the same vectors are one, the scales of norms are multiplied
into the matrices behind them.

batch B, time T, width D, heads H, key and value heads K, head size S, inner width I, vocabulary V, positions L,
tokens before P
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from transformers import LlamaForCausalLM, MistralForCausalLM, Qwen3ForCausalLM
from transformers.activations import ACT2FN

PLAIN = (Qwen3ForCausalLM, LlamaForCausalLM, MistralForCausalLM)  # their subclasses may compute otherwise


def is_plain(module: Any, kinds: tuple[type, ...] = PLAIN) -> bool:
    """Whether it is one of these and all layers are as Plain computes them, its weights as they were built."""
    if type(module) not in kinds or module.training:
        return False
    config = module.config
    whole = getattr(config, "sliding_window", None) is None or not getattr(config, "use_sliding_window", True)
    linear = all(type(part) is nn.Linear and part.bias is None for part in module.modules() if hasattr(part, "in_features"))
    return whole and linear and config.rope_parameters["rope_type"] == "default"


@dataclass(frozen=True)
class Layer:
    """The matrices of one layer."""

    qkv: Float[Tensor, "H_2K_S D"]  # with the scale of the norm before it
    out: Float[Tensor, "D H_S"]
    gate_up: Float[Tensor, "2I D"]  # likewise
    down: Float[Tensor, "D I"]
    scale: Float[Tensor, "H_K S"] | None  # of the norms of q and k

    def to(self, dtype: torch.dtype) -> "Layer":
        """With matrices of another type."""
        return Layer(self.qkv.to(dtype), self.out.to(dtype), self.gate_up.to(dtype), self.down.to(dtype), self.scale)


class Plain:
    """RMSNorm, RoPE, attention, a gated feed-forward part; perhaps norms of q and k. Without gradients, and with copies of the weights."""

    def __init__(self, module: Any) -> None:
        config = module.config
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.size = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self._epsilon, self._activation = config.rms_norm_eps, ACT2FN[config.hidden_act]
        self.embedding = module.get_input_embeddings().weight
        self._head = module.get_output_embeddings().weight * module.model.norm.weight
        self._frequencies = module.model.rotary_emb.inv_freq.float()
        self.layers = [self._joined(one) for one in module.model.layers]
        if torch.is_autocast_enabled(kind := self.embedding.device.type):  # it would cast what is no weight of a module anew at each token
            half = torch.get_autocast_dtype(kind)
            self._head, self.layers = self._head.to(half), [layer.to(half) for layer in self.layers]

    def _joined(self, layer: Any) -> Layer:
        own, inner = layer.self_attn, layer.mlp
        qkv = torch.cat([own.q_proj.weight, own.k_proj.weight, own.v_proj.weight]) * layer.input_layernorm.weight
        gate_up = torch.cat([inner.gate_proj.weight, inner.up_proj.weight]) * layer.post_attention_layernorm.weight
        normed = hasattr(own, "q_norm")
        scales = [own.q_norm.weight.expand(self.heads, -1), own.k_norm.weight.expand(self.groups, -1)] if normed else []
        return Layer(qkv, own.o_proj.weight, gate_up, inner.down_proj.weight, torch.cat(scales) if scales else None)

    def turns(self, length: int) -> tuple[Float[Tensor, "L S"], Float[Tensor, "L S"]]:
        """Cosines and signed sines of RoPE for so many positions."""
        angles = torch.arange(length, device=self._frequencies.device)[:, None] * self._frequencies
        kind, sines = self.embedding.dtype, angles.sin()
        return torch.cat([angles.cos()] * 2, -1).to(kind), torch.cat([-sines, sines], -1).to(kind)

    def heads_of(self, hidden: Tensor, layer: Layer, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, [..., heads, S]; the first two normed, if at all, and turned by their positions."""
        qkv = F.linear(self._normed(hidden), layer.qkv)
        qkv = qkv.view(*qkv.shape[:-1], -1, self.size)
        both = qkv[..., : self.heads + self.groups, :]
        if layer.scale is not None:
            both = self._normed(both).mul_(layer.scale)
        both = (both * cos).addcmul_(both.roll(self.size // 2, -1), sin)
        return both[..., : self.heads, :], both[..., self.heads :, :], qkv[..., self.heads + self.groups :, :]

    def attended(
        self,
        hidden: Float[Tensor, "B T D"],
        layer: Layer,
        cos: Tensor,
        sin: Tensor,
        mask: Float[Tensor, "#B 1 T P_T"] | None,
        past: tuple[Float[Tensor, "#B K P S"], Float[Tensor, "#B K P S"]] | None = None,
    ) -> tuple[Float[Tensor, "B T H_S"], Float[Tensor, "B K T S"], Float[Tensor, "B K T S"]]:
        """What attention mixes, and the keys and values of these tokens, behind those of P others, `past`, which need a mask.

        The mask is added to the scores; without it each token sees all before it.
        """
        q, k, v = (one.transpose(1, 2) for one in self.heads_of(hidden, layer, cos, sin))
        grouped = self.groups != self.heads
        keys, values = (k, v) if past is None else (_joined(past[0], k), _joined(past[1], v))
        mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped)
        return mixed.transpose(1, 2).flatten(2), k, v

    def behind(self, hidden: Tensor, mixed: Tensor, layer: Layer) -> Tensor:
        """The rest of a layer, behind what attention has mixed."""
        hidden = F.linear(mixed, layer.out).add_(hidden)
        gate, up = F.linear(self._normed(hidden), layer.gate_up).chunk(2, -1)
        return F.linear(self._activation(gate).mul_(up), layer.down).add_(hidden)

    def logits(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... V"]:
        """Behind the last layer."""
        return F.linear(self._normed(hidden), self._head)

    def _normed(self, numbers: Tensor) -> Tensor:
        """RMSNorm without its scale."""
        wide = numbers.float()
        return (wide * wide.square().mean(-1, keepdim=True).add_(self._epsilon).rsqrt_()).to(numbers.dtype)


def _joined(past: Float[Tensor, "#B K P S"], own: Float[Tensor, "B K T S"]) -> Float[Tensor, "B K P_T S"]:
    return torch.cat([past.expand(len(own), -1, -1, -1), own], 2)
