"""Layers of llama's kind, computed with few operations: matrices that read the same vectors are one, the scales of norms are multiplied
into the matrices behind them. Of queries and keys the two numbers that RoPE turns as a pair stand next to each other, where they are one
complex number: a product of the two is the same.

batch B, time T, width D, heads H, key and value heads K, head size S, inner width I, vocabulary V, positions L,
tokens before P
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float, Int
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
    linear = all(type(part) is nn.Linear and part.bias is None for part in _parts(module) if "in_features" in vars(part))
    return whole and linear and config.rope_parameters["rope_type"] == "default"


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """modules(), in a sixth of its time: it is asked in each step of training."""
    parts = [module]
    while parts:
        yield (part := parts.pop())
        parts += (one for one in part._modules.values() if one is not None)


@dataclass(frozen=True)
class Layer:
    """The matrices of one layer."""

    qk: Float[Tensor, "H_K_S D"]  # with the scale of the norm before it; pairs of RoPE next to each other
    v: Float[Tensor, "K_S D"]  # with the same scale
    out: Float[Tensor, "D H_S"]
    gate_up: Float[Tensor, "2I D"]  # with the scale of the norm before it
    down: Float[Tensor, "D I"]
    scale: Float[Tensor, "H_K S"] | None  # of the norms of q and k; pairs next to each other

    def to(self, dtype: torch.dtype) -> "Layer":
        """With matrices of another type."""
        return Layer(self.qk.to(dtype), self.v.to(dtype), self.out.to(dtype), self.gate_up.to(dtype), self.down.to(dtype), self.scale)


class Plain:
    """RMSNorm, RoPE, attention, a gated feed-forward part; perhaps norms of q and k. Without gradients, and with copies of the weights."""

    def __init__(self, module: Any) -> None:
        config = module.config
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.size = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self._epsilon, self._activation = config.rms_norm_eps, ACT2FN[config.hidden_act]
        self.embedding = module.get_input_embeddings().weight
        body, head = module.base_model, module.get_output_embeddings()
        self._scale: Tensor = body.norm.weight
        self._head = self._scale.new_empty(0, len(self._scale)) if head is None else head.weight * self._scale  # a judge has no words
        self._frequencies = body.rotary_emb.inv_freq.float()
        self.layers = [self._joined(one) for one in body.layers]
        if torch.is_autocast_enabled(kind := self.embedding.device.type):  # it would cast what is no weight of a module anew at each token
            half = torch.get_autocast_dtype(kind)
            self._head, self.layers = self._head.to(half), [layer.to(half) for layer in self.layers]

    def _joined(self, layer: Any) -> Layer:
        own, inner = layer.self_attn, layer.mlp
        scale = layer.input_layernorm.weight
        qk = _paired(torch.cat([own.q_proj.weight, own.k_proj.weight]), self.size) * scale
        gate_up = torch.cat([inner.gate_proj.weight, inner.up_proj.weight]) * layer.post_attention_layernorm.weight
        normed = hasattr(own, "q_norm")
        scales = [own.q_norm.weight.expand(self.heads, -1), own.k_norm.weight.expand(self.groups, -1)] if normed else []
        of_heads = _paired(torch.cat(scales).flatten(), self.size).view(-1, self.size) if normed else None
        return Layer(qk, own.v_proj.weight * scale, own.o_proj.weight, gate_up, inner.down_proj.weight, of_heads)

    def turns(self, length: int) -> Complex[Tensor, "L half"]:
        """How far RoPE turns each pair at so many positions."""
        return turns_at(torch.arange(length, device=self._frequencies.device), self._frequencies)

    def heads_of(self, hidden: Tensor, layer: Layer, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, [..., heads, S]; the first two normed, if at all, and turned by their positions."""
        normed = self._normed(hidden)
        both = F.linear(normed, layer.qk).unflatten(-1, (-1, self.size))
        if layer.scale is not None:
            both = self._normed(both).mul_(layer.scale)
        both = _turned(both, turns)
        return both[..., : self.heads, :], both[..., self.heads :, :], F.linear(normed, layer.v).unflatten(-1, (-1, self.size))

    def attended(
        self,
        hidden: Float[Tensor, "B T D"],
        layer: Layer,
        turns: Tensor,
        mask: Float[Tensor, "#B 1 T P_T"] | None,
        past: tuple[Float[Tensor, "#B K P S"], Float[Tensor, "#B K P S"]] | None = None,
    ) -> tuple[Float[Tensor, "B T H_S"], Float[Tensor, "B K T S"], Float[Tensor, "B K T S"]]:
        """What attention mixes, and the keys and values of these tokens, behind those of P others, `past`, which need a mask.

        The mask is added to the scores; without it each token sees all before it.
        """
        q, k, v = (one.transpose(1, 2) for one in self.heads_of(hidden, layer, turns))
        grouped = self.groups != self.heads
        keys, values = (k, v) if past is None else (_joined(past[0], k), _joined(past[1], v))
        mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped)
        return mixed.transpose(1, 2).flatten(2), k, v

    def behind(self, hidden: Tensor, mixed: Tensor, layer: Layer) -> Tensor:
        """The rest of a layer, behind what attention has mixed."""
        hidden = F.linear(mixed, layer.out).add_(hidden)
        gate, up = F.linear(self._normed(hidden), layer.gate_up).chunk(2, -1)
        return F.linear(self._activation(gate).mul_(up), layer.down).add_(hidden)

    def last(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """What a head reads behind the last layer."""
        return self._normed(hidden) * self._scale

    def logits(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... V"]:
        """Behind the last layer."""
        return F.linear(self._normed(hidden), self._head)

    def _normed(self, numbers: Tensor) -> Tensor:
        """RMSNorm without its scale."""
        return unit(numbers, self._epsilon)[0].to(numbers.dtype)


def unit(numbers: Float[Tensor, "*M D"], epsilon: float) -> tuple[Float[Tensor, "*M D"], Float[Tensor, "*M 1"]]:
    """RMSNorm without its scale (Zhang and Sennrich 2019), and what the vectors were multiplied by; at least in fp32."""
    wide = torch.promote_types(numbers.dtype, torch.float32)
    norms = torch.linalg.vector_norm(numbers, dim=-1, keepdim=True, dtype=wide)
    shrunk = norms.square_().div_(numbers.shape[-1]).add_(epsilon).rsqrt_()
    return numbers * shrunk, shrunk


def _paired(rows: Float[Tensor, "..."], size: int) -> Float[Tensor, "..."]:
    """Of rows [H x S, ...] those of each head next to each other that RoPE turns as a pair: numbers i and i + S / 2, as llama has them."""
    return rows.view(-1, 2, size // 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def turns_at(positions: Int[Tensor, " M"], frequencies: Float[Tensor, " half"]) -> Complex[Tensor, "M half"]:
    """How far RoPE turns each pair at each position (Su et al. 2021)."""
    angles = positions[:, None] * frequencies
    return torch.polar(torch.ones_like(angles), angles)


def _turned(heads: Float[Tensor, "... H S"], turns: Complex[Tensor, "... 1 half"]) -> Float[Tensor, "... H S"]:
    """Pairs next to each other, turned."""
    wide = heads.to(torch.promote_types(heads.dtype, torch.float32))
    pairs = torch.view_as_complex(wide.unflatten(-1, (-1, 2))) * turns
    return torch.view_as_real(pairs).flatten(-2).to(heads.dtype)


def _joined(past: Float[Tensor, "#B K P S"], own: Float[Tensor, "B K T S"]) -> Float[Tensor, "B K P_T S"]:
    return torch.cat([past.expand(len(own), -1, -1, -1), own], 2)
