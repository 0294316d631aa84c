"""What a model thinks of whole sequences, at some of their positions: no work for padding, and in the last layer none for what nobody asks.

For layers of llama's kind, with gradients; others are read by their own module. The slope of a norm is written out: what autograd makes of
its parts takes longer on a CPU than the matrix that follows.

batch B, longest sequence L, real tokens M, wanted positions N, width D, heads H, key and value heads K, head size S
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import LlamaModel, MistralModel, PreTrainedModel, Qwen3Model
from transformers.activations import ACT2FN

from pipeline.model.plain import is_plain

BODIES = (Qwen3Model, LlamaModel, MistralModel)


def hidden_at(
    module: PreTrainedModel, ids: Int[Tensor, "B L"], real: Bool[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
) -> Float[Tensor, "N D"]:
    """The last hidden state at each wanted position, row after row. Sequences are padded on the right; what is wanted must be real."""
    body: Any = module.base_model
    if is_plain(body, BODIES):
        return _read(body, ids, real, wanted)
    hidden: Tensor = body(input_ids=ids).last_hidden_state
    return hidden[wanted]


def _read(body: Any, ids: Tensor, real: Tensor, wanted: Tensor) -> Tensor:
    at = real.flatten().nonzero()[:, 0]  # of each real token in the padded rows
    asked = wanted.flatten()[at].nonzero()[:, 0]  # of each wanted position among the real tokens
    place = _Place(at, (real.flatten().cumsum(0) - 1).clamp(min=0), ids.shape, *_turns(body, at % ids.shape[1]))
    hidden = F.embedding(ids.flatten()[at], body.embed_tokens.weight)
    *layers, last = body.layers
    for layer in layers:
        hidden = _behind(layer, hidden, _attended(layer, hidden, place))
    hidden = _behind(last, hidden[asked], _attended(last, hidden, place)[asked])
    return _normed(body.norm, hidden)


@dataclass(frozen=True)
class _Place:
    """Where the real tokens stand."""

    at: Int[Tensor, " M"]  # in the padded rows
    source: Int[Tensor, " B_L"]  # the real token at each place of the padded rows; at padding the one before
    shape: torch.Size  # of the padded rows
    cos: Float[Tensor, "M 1 S"]  # of RoPE
    sin: Float[Tensor, "M 1 S"]  # likewise, signed

    def padded(self, rows: Float[Tensor, "M H S"]) -> Float[Tensor, "B H L S"]:
        """What stands at padding is never read: attention is causal, and padding comes last."""
        spread: Tensor = _Spread.apply(rows.flatten(1), self.source, self.at)  # type: ignore[no-untyped-call]
        return spread.view(*self.shape, *rows.shape[1:]).transpose(1, 2)


def _turns(body: Any, positions: Int[Tensor, " M"]) -> tuple[Float[Tensor, "M 1 S"], Float[Tensor, "M 1 S"]]:
    """Cosines and signed sines of RoPE."""
    angles = positions[:, None] * body.rotary_emb.inv_freq.float()
    sines = angles.sin()
    return torch.cat([angles.cos()] * 2, -1)[:, None], torch.cat([-sines, sines], -1)[:, None]


def _attended(layer: Any, hidden: Float[Tensor, "M D"], place: _Place) -> Float[Tensor, "M H_S"]:
    """What each token takes from those before it. Only here tokens meet, and stand in padded rows for it."""
    own, normed = layer.self_attn, _normed(layer.input_layernorm, hidden)
    q, k, v = (F.linear(normed, one.weight).view(len(normed), -1, own.head_dim) for one in (own.q_proj, own.k_proj, own.v_proj))
    q, k = _turned(q, getattr(own, "q_norm", None), place), _turned(k, getattr(own, "k_norm", None), place)
    grouped = q.shape[1] != k.shape[1]
    rows = place.padded(q), place.padded(k), place.padded(v.to(q.dtype))
    mixed = F.scaled_dot_product_attention(*rows, is_causal=True, scale=own.scaling, enable_gqa=grouped)
    return mixed.transpose(1, 2).reshape(place.shape.numel(), -1).index_select(0, place.at)


def _behind(layer: Any, hidden: Float[Tensor, "M D"], mixed: Float[Tensor, "M H_S"]) -> Float[Tensor, "M D"]:
    """The rest of a layer."""
    hidden = hidden + F.linear(mixed, layer.self_attn.o_proj.weight)
    normed, inner = _normed(layer.post_attention_layernorm, hidden), layer.mlp
    gated = ACT2FN[inner.config.hidden_act](F.linear(normed, inner.gate_proj.weight)) * F.linear(normed, inner.up_proj.weight)
    return hidden + F.linear(gated, inner.down_proj.weight)


def _normed(norm: Any, numbers: Float[Tensor, "*M D"]) -> Float[Tensor, "*M D"]:
    found: Tensor = Normed.apply(numbers, norm.weight, norm.variance_epsilon)  # type: ignore[no-untyped-call]
    return found


def _turned(heads: Float[Tensor, "M H S"], norm: Any, place: _Place) -> Float[Tensor, "M H S"]:
    """Normed, where the kind does so, and turned by their positions."""
    if norm is not None:
        heads = _normed(norm, heads)
    return torch.addcmul(heads * place.cos, heads.roll(heads.shape[-1] // 2, -1), place.sin)


class Normed(torch.autograd.Function):
    """RMSNorm (Zhang and Sennrich 2019): x r w, r = 1 / sqrt(mean(x^2) + epsilon)."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, scale: Tensor, epsilon: float) -> Tensor:
        wide = torch.promote_types(numbers.dtype, torch.float32)
        norms = torch.linalg.vector_norm(numbers, dim=-1, keepdim=True, dtype=wide)
        shrunk = (norms * norms / numbers.shape[-1] + epsilon).rsqrt()
        unit = numbers * shrunk
        ctx.save_for_backward(unit, shrunk, scale)
        ctx.kind = numbers.dtype
        scaled: Tensor = unit * scale
        return scaled

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        unit, shrunk, scale = ctx.saved_tensors
        along = slope * unit
        radial = (along @ scale / len(scale)).unsqueeze(-1)
        back = torch.addcmul(slope * scale, unit, radial, value=-1).mul_(shrunk)
        return back.to(ctx.kind), along.flatten(0, -2).sum(0), None


class _Spread(torch.autograd.Function):
    """Real tokens at their places in padded rows. Padding holds copies, whose slopes are none: nobody reads them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, source: Tensor, at: Tensor) -> Tensor:
        ctx.save_for_backward(at)
        return rows.index_select(0, source)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (at,) = ctx.saved_tensors
        return slope.index_select(0, at), None, None
