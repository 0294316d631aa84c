"""A decoder of parts to choose from: what tells positions, norms, the feed-forward part, and which tokens see which.

batch B, time T, tokens that are seen S (with those in the cache), heads H, head width K
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from transformers import Cache, PretrainedConfig
from transformers.activations import ACT2FN

from pipeline.model.apart import begins
from pipeline.model.kind import Fault, Kind
from pipeline.model.own import Body, Layer, OwnConfig, Read, register
from pipeline.model.positions import RelativeBias, alibi, rotated, rotation, sinusoids


class TransformerConfig(OwnConfig):
    """Its configuration in transformers' words, and ours where it has none."""

    model_type = "transformer"
    num_attention_heads: int = 1
    num_key_value_heads: int = 1
    hidden_act: str = "silu"
    gated: bool = True
    positions: str = "rope"
    norm: str = "rmsnorm"
    norm_weights: bool = True
    biases: bool = False
    pattern: str = "full"
    window: int | None = None


@dataclass(frozen=True, kw_only=True)
class Transformer(Kind):
    """A model of kind transformer. Norms stand before each part and before the head. Without layers it is a bigram model."""

    kind: Literal["transformer"]
    layers: NonNegativeInt
    activation: Literal["silu", "gelu", "relu"]
    gated: bool  # whether the activation is a gate: SwiGLU, GeGLU, ReGLU
    positions: Literal["learned", "sinusoidal", "rope", "alibi", "relative", "none"]
    norm: Literal["layernorm", "rmsnorm"]
    norm_weights: bool  # whether norms scale
    biases: bool  # of the matrices inside the layers, and of a layernorm that scales
    pattern: Literal["full", "sliding", "sparse"]  # sparse: a token sees its block, and the last of each block before
    window: PositiveInt | None  # tokens that a token sees, itself among them, or of a block

    model_type: ClassVar[str] = "transformer"
    own: ClassVar[Mapping[str, str]] = {
        name: name for name in ("gated", "positions", "norm", "norm_weights", "biases", "pattern", "window")
    }
    joins: ClassVar[tuple[str, ...]] = ("self_attn.o_proj", "mlp.down_proj")

    @property
    def inner(self) -> int:
        """As it stands, or four times the width where nothing is gated."""
        return super().inner if self.gated or self.intermediate_size != "auto" else 4 * self.hidden_size

    def faults(self) -> Iterator[Fault]:
        """Also a window that hides nothing, or none where there must be one."""
        yield from super().faults()
        if self.pattern == "full" and self.window is not None:
            yield f"window {self.window} would have no effect where all tokens are seen", "model.window=null"
        if self.pattern != "full" and self.window is None:
            yield f"{self.pattern} attention needs a window", f"model.window={max(1, self.context // 4)}"
        if self.pattern != "full" and self.window is not None and self.window >= self.context:
            message = f"window {self.window} would have no effect on {self.context} tokens of context"
            yield message, "model.pattern=full; model.window=null"

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """The configuration. layer_types is what is cached: all, whatever the pattern."""
        own: dict[str, Any] = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.inner,
            "hidden_act": self.activation,
            "max_position_embeddings": self.context,
            "layer_types": ["full_attention"] * self.layers,
        }
        return TransformerConfig(**own, **{name: getattr(self, name) for name in self.own}, **common)

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """A penalty for each pair of tokens and head, and their scores where it is learned."""
        times = {"alibi": 1, "relative": 3}.get(config.positions, 0)
        return times * int(config.num_attention_heads) * tokens * tokens


@dataclass(frozen=True)
class Told:
    """What a layer is told of the rows."""

    mask: Tensor | None  # [B, 1 or H, T, S]: what a token sees (bool), or what is added to its scores; None: all before it
    rotation: tuple[Tensor, Tensor] | None  # cosine and sine [B, 1, T, K] of RoPE


class Attention(nn.Module):
    """Of grouped heads."""

    def __init__(self, config: TransformerConfig, index: int) -> None:
        super().__init__()
        self.config, self.index = config, index
        self.head = config.hidden_size // config.num_attention_heads
        width, groups = config.hidden_size, config.num_key_value_heads * self.head
        self.q_proj, self.o_proj = (nn.Linear(width, width, bias=config.biases) for _ in range(2))
        self.k_proj, self.v_proj = (nn.Linear(width, groups, bias=config.biases) for _ in range(2))

    def forward(self, hidden: Float[Tensor, "B T D"], told: Told, cache: Cache | None) -> Float[Tensor, "B T D"]:
        """What it adds to the stream."""
        shape = (*hidden.shape[:2], -1, self.head)
        q, k, v = (part(hidden).view(shape).transpose(1, 2) for part in (self.q_proj, self.k_proj, self.v_proj))
        if told.rotation is not None:
            q, k = rotated(q, *told.rotation), rotated(k, *told.rotation)
        if cache is not None:
            k, v = cache.update(k, v, self.index)
        k, v = (one.repeat_interleave(q.shape[1] // one.shape[1], 1) for one in (k, v))
        mask = told.mask.to(q.dtype) if told.mask is not None and told.mask.is_floating_point() else told.mask
        if self.config._attn_implementation == "eager":
            read = _eager(q, k, v, mask)
        else:
            read = F.scaled_dot_product_attention(q, k, v, mask, is_causal=mask is None and q.shape[2] > 1)
        found: Tensor = self.o_proj(read.transpose(1, 2).flatten(2))
        return found


def _eager(q: Float[Tensor, "B H T K"], k: Float[Tensor, "B H S K"], v: Float[Tensor, "B H S K"], mask: Tensor | None) -> Tensor:
    """The same, product by product."""
    scores = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5
    seen = torch.ones(scores.shape[2:], dtype=torch.bool, device=q.device).tril(k.shape[2] - q.shape[2]) if mask is None else mask
    scores = scores + seen if seen.is_floating_point() else scores.masked_fill(~seen, float("-inf"))
    found: Tensor = scores.softmax(-1, dtype=torch.float32).to(v.dtype) @ v
    return found


class FeedForward(nn.Module):
    """Two matrices, or three with a gate."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.biases) if config.gated else None
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.biases)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.biases)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, hidden: Tensor) -> Tensor:
        """What it adds to the stream."""
        up = self.up_proj(hidden)
        found: Tensor = self.down_proj(self.act(up) if self.gate_proj is None else self.act(self.gate_proj(hidden)) * up)
        return found


def _norm(config: TransformerConfig) -> nn.Module:
    if config.norm == "rmsnorm":
        return nn.RMSNorm(config.hidden_size, eps=1e-6, elementwise_affine=config.norm_weights)
    return nn.LayerNorm(config.hidden_size, eps=1e-5, elementwise_affine=config.norm_weights, bias=config.biases)


class TransformerLayer(Layer):
    """Attention and the feed-forward part, each behind a norm."""

    def __init__(self, config: TransformerConfig, index: int) -> None:
        super().__init__()
        self.input_layernorm, self.self_attn = _norm(config), Attention(config, index)
        self.post_attention_layernorm, self.mlp = _norm(config), FeedForward(config)

    def forward(self, hidden: Tensor, told: Told, past_key_values: Cache | None = None) -> Tensor:
        """The stream after it."""
        attended: Tensor = hidden + self.self_attn(self.input_layernorm(hidden), told, past_key_values)
        added: Tensor = self.mlp(self.post_attention_layernorm(attended))
        return attended + added


class TransformerModel(Body):
    """Its body."""

    config_class = TransformerConfig
    layer = TransformerLayer

    def parts(self) -> None:
        """Positions that are learned."""
        if self.config.positions == "learned":
            self.embed_positions = nn.Embedding(self.config.max_position_embeddings, self.config.hidden_size)
        if self.config.positions == "relative":
            self.relative_bias = RelativeBias(self.config.num_attention_heads)

    def final_norm(self) -> nn.Module:
        """As those in the layers."""
        return _norm(self.config)

    def embed(self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Tokens, and their positions where these are added."""
        found: Tensor = self.embed_tokens(ids)
        if self.config.positions == "learned":
            found = found + self.embed_positions(positions)
        if self.config.positions == "sinusoidal":
            found = found * found.shape[-1] ** 0.5 + sinusoids(positions, found.shape[-1])  # as Vaswani et al. 2017, 3.4
        return found

    def tell(self, read: Read) -> Told:
        """Which tokens each sees, and how positions weigh on it."""
        own, asked = self.config, read.positions
        keys = read.key_positions()
        turn = rotation(asked, own.hidden_size // own.num_attention_heads) if own.positions == "rope" else None
        plain = own.pattern == "full" and read.whole and (keys.shape[1] == asked.shape[1] or asked.shape[1] == 1)
        if plain and own.positions not in ("alibi", "relative"):
            return Told(None, turn)
        seen = visible(asked, keys, read, pattern=own.pattern, window=own.window)[:, None]
        distance = asked[:, :, None] - keys[:, None, :]
        if own.positions == "alibi":
            return Told(alibi(distance, own.num_attention_heads).masked_fill(~seen, float("-inf")), turn)
        if own.positions == "relative":
            return Told(self.relative_bias(distance).masked_fill(~seen, float("-inf")), turn)
        return Told(seen, turn)


def visible(asked: Tensor, keys: Tensor, read: Read, *, pattern: str, window: int | None) -> Bool[Tensor, "B T S"]:
    """Whether a token sees another; itself always, so that padding is a number too."""
    before = keys.shape[1] - asked.shape[1]  # in the cache
    places = torch.arange(keys.shape[1], device=keys.device)
    seen = (places[None, :] <= places[before:, None]).expand(len(asked), -1, -1)
    if read.packed:
        document = begins(asked).cumsum(-1)
        seen = seen & (document[:, :, None] == document[:, None, :])
    if read.mask is not None:
        seen = seen & read.mask[:, None, :].bool()
    if window is not None:
        near = asked[:, :, None] - keys[:, None, :] < window
        if pattern == "sparse":
            near = (asked[:, :, None] // window == keys[:, None, :] // window) | (keys[:, None, :] % window == window - 1)
        seen = seen & near
    return seen | (places[None, :] == places[before:, None])


register(TransformerConfig, TransformerModel)
