"""Token by token with a cache: the fast way for layers of llama's kind, transformers' own for all others.

The fast way keeps keys and values where they were written, joins the matrices that read the same vectors, multiplies the scales of norms
into the matrices behind them, reads equal prompts once, and lets rows that have ended leave.

batch B, time T, room L, width D, heads H, key and value heads K, head size S, vocabulary V
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache, LlamaForCausalLM, MistralForCausalLM, PreTrainedModel, Qwen3ForCausalLM
from transformers.activations import ACT2FN

from pipeline.model.batches import left_padded, right_padded
from pipeline.tokens.special import IDS, PAD

FAST = (Qwen3ForCausalLM, LlamaForCausalLM, MistralForCausalLM)  # their subclasses may compute otherwise


class Decoder(Protocol):
    """Reads prompts, then one token of each at a time."""

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """The logits behind each prompt; up to `room` tokens may follow."""
        ...

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """The logits behind one more token of each row."""
        ...

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Go on with these rows alone; False where it can't, and goes on with all."""
        ...


def decoder_of(module: PreTrainedModel) -> Decoder:
    """The fastest that the module allows. It holds copies of weights: take another after they have changed."""
    return _Fast(module) if is_plain(module) else _Cached(module)


def reordering(module: PreTrainedModel) -> Decoder:
    """One whose keep() takes rows in any order and several times: the fast one, or one that reads everything anew for each token."""
    return _Fast(module) if is_plain(module) else _Anew(module)


def is_plain(module: Any, kinds: tuple[type, ...] = FAST) -> bool:
    """Whether it is one of these and all layers are as _Fast computes them, its weights as they were built."""
    if type(module) not in kinds or module.training:
        return False
    config = module.config
    whole = getattr(config, "sliding_window", None) is None or not getattr(config, "use_sliding_window", True)
    linear = all(type(part) is nn.Linear and part.bias is None for part in module.modules() if hasattr(part, "in_features"))
    return whole and linear and config.rope_parameters["rope_type"] == "default"


@dataclass(frozen=True)
class _Layer:
    qkv: Float[Tensor, "H_2K_S D"]  # with the scale of the norm before it
    out: Float[Tensor, "D H_S"]
    gate_up: Float[Tensor, "2I D"]  # likewise
    down: Float[Tensor, "D I"]
    scale: Float[Tensor, "H_K S"] | None  # of the norms of q and k

    def to(self, dtype: torch.dtype) -> "_Layer":
        """With matrices of another type."""
        return _Layer(self.qkv.to(dtype), self.out.to(dtype), self.gate_up.to(dtype), self.down.to(dtype), self.scale)


class _Fast:
    """llama's layers: RMSNorm, RoPE, attention to all before, a gated feed-forward part; perhaps norms of q and k."""

    def __init__(self, module: Any) -> None:
        config = module.config
        self._heads, self._groups = config.num_attention_heads, config.num_key_value_heads
        self._size = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self._epsilon, self._activation = config.rms_norm_eps, ACT2FN[config.hidden_act]
        self._embedding = module.get_input_embeddings().weight
        self._head = module.get_output_embeddings().weight * module.model.norm.weight
        self._frequencies = module.model.rotary_emb.inv_freq.float()
        self._layers = [self._joined(one) for one in module.model.layers]
        if torch.is_autocast_enabled(kind := self._embedding.device.type):  # it would cast what is no weight of a module anew at each token
            half = torch.get_autocast_dtype(kind)
            self._head, self._layers = self._head.to(half), [layer.to(half) for layer in self._layers]

    def _joined(self, layer: Any) -> _Layer:
        own, inner = layer.self_attn, layer.mlp
        qkv = torch.cat([own.q_proj.weight, own.k_proj.weight, own.v_proj.weight]) * layer.input_layernorm.weight
        gate_up = torch.cat([inner.gate_proj.weight, inner.up_proj.weight]) * layer.post_attention_layernorm.weight
        normed = hasattr(own, "q_norm")
        scales = [own.q_norm.weight.expand(self._heads, -1), own.k_norm.weight.expand(self._groups, -1)] if normed else []
        return _Layer(qkv, own.o_proj.weight, gate_up, inner.down_proj.weight, torch.cat(scales) if scales else None)

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Read each different prompt once, padded on the right, where no token before sees it."""
        different = {tuple(prompt): number for number, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
        ids, real = right_padded(list(different), fill=IDS[PAD], device=str(self._embedding.device))
        self._turns(ids.shape[1] + room)
        hidden, many = self._embedding[ids], len(different)
        self._keys, self._values = list[Tensor](), list[Tensor]()
        cos, sin = self._cos[: ids.shape[1], None], self._sin[: ids.shape[1], None]
        for layer in self._layers:
            q, k, v = self._heads_of(hidden, layer, cos, sin)  # [B, T, heads, S]
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self._groups != self._heads)
            hidden = self._behind(hidden, mixed.transpose(1, 2).flatten(2), layer)
            self._keys.append(F.pad(k, (0, 0, 0, room)))
            self._values.append(F.pad(v, (0, 0, 0, room)))
        lengths = real.sum(1)
        logits = F.linear(self._normed(hidden[torch.arange(many), lengths - 1]), self._head)
        rows = torch.tensor([different[tuple(prompt)] for prompt in prompts], device=ids.device)
        self._at = lengths
        if many == len(prompts):
            return logits
        self.keep(rows)
        return logits[rows]

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """One token of each row, written at the end of what is cached of it."""
        at, rows = self._at, torch.arange(len(tokens), device=tokens.device)
        longest = int(at.max()) + 1
        hidden = self._embedding[tokens]
        cos, sin = self._cos[at][:, None], self._sin[at][:, None]
        later = torch.arange(longest, device=tokens.device) > at[:, None]
        unseen = torch.zeros(later.shape, dtype=hidden.dtype, device=tokens.device).masked_fill_(later, -torch.inf)[:, None, None]
        for layer, keys, values in zip(self._layers, self._keys, self._values, strict=True):
            q, k, v = self._heads_of(hidden, layer, cos, sin)  # [B, heads, S]
            keys[rows, :, at], values[rows, :, at] = k, v
            grouped = (q * self._size**-0.5).reshape(len(tokens), self._groups, -1, self._size)
            scores = grouped @ keys[:, :, :longest].transpose(-1, -2) + unseen
            hidden = self._behind(hidden, (scores.softmax(-1) @ values[:, :, :longest]).flatten(1), layer)
        self._at = at + 1
        return F.linear(self._normed(hidden), self._head)

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Copies what is cached of them."""
        self._keys, self._values = [one[rows] for one in self._keys], [one[rows] for one in self._values]
        self._at = self._at[rows]
        return True

    def _heads_of(self, hidden: Tensor, layer: _Layer, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, [..., heads, S]; the first two normed, if at all, and turned by their positions."""
        qkv = F.linear(self._normed(hidden), layer.qkv)
        qkv = qkv.view(*qkv.shape[:-1], -1, self._size)
        both = qkv[..., : self._heads + self._groups, :]
        if layer.scale is not None:
            both = self._normed(both) * layer.scale
        both = torch.addcmul(both * cos, both.roll(self._size // 2, -1), sin)
        return both[..., : self._heads, :], both[..., self._heads :, :], qkv[..., self._heads + self._groups :, :]

    def _behind(self, hidden: Tensor, mixed: Tensor, layer: _Layer) -> Tensor:
        """The rest of a layer, behind what attention has mixed."""
        hidden = hidden + F.linear(mixed, layer.out)
        gate, up = F.linear(self._normed(hidden), layer.gate_up).chunk(2, -1)
        return hidden + F.linear(self._activation(gate) * up, layer.down)

    def _normed(self, numbers: Tensor) -> Tensor:
        """RMSNorm without its scale."""
        wide = numbers.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self._epsilon)).to(numbers.dtype)

    def _turns(self, length: int) -> None:
        """Cosines and signed sines of RoPE for so many positions, [L, S]."""
        angles = torch.arange(length, device=self._frequencies.device)[:, None] * self._frequencies
        kind, sines = self._embedding.dtype, angles.sin()
        self._cos, self._sin = torch.cat([angles.cos()] * 2, -1).to(kind), torch.cat([-sines, sines], -1).to(kind)


class _Cached:
    """Any module of transformers, with its own cache."""

    def __init__(self, module: PreTrainedModel) -> None:
        self._module = module

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Padded on the left, so that all rows end at one place."""
        ids, self._seen = left_padded(prompts, fill=IDS[PAD], device=str(self._module.device))
        self._cache, self._positions = DynamicCache(config=self._module.config), (self._seen.cumsum(1) - 1).clamp(min=0)
        return self._logits(ids)

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """One more token of each."""
        self._positions = self._positions[:, -1:] + 1
        self._seen = torch.cat([self._seen, self._seen.new_ones(len(tokens), 1)], 1)
        return self._logits(tokens[:, None])

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """Not every kind's cache can."""
        return False

    def _logits(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        rest: dict[str, Any] = {"past_key_values": self._cache, "use_cache": True, "logits_to_keep": 1}
        logits: Tensor = self._module(input_ids=ids, attention_mask=self._seen, position_ids=self._positions, **rest).logits[:, -1]
        return logits


class _Anew:
    """Any module, without a cache; prompts of one length."""

    def __init__(self, module: PreTrainedModel) -> None:
        self._module = module

    def begin(self, prompts: Sequence[Sequence[int]], *, room: int) -> Float[Tensor, "B V"]:
        """Reads them."""
        self._ids = torch.tensor([list(prompt) for prompt in prompts], device=self._module.device)
        return self._logits()

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B V"]:
        """Reads all of it and one more token."""
        self._ids = torch.cat([self._ids, tokens[:, None]], 1)
        return self._logits()

    def keep(self, rows: Int[Tensor, " N"]) -> bool:
        """These rows, in this order."""
        self._ids = self._ids[rows]
        return True

    def _logits(self) -> Float[Tensor, "B V"]:
        logits: Tensor = self._module(input_ids=self._ids, use_cache=False).logits[:, -1]
        return logits
