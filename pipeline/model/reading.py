"""What a model thinks of whole sequences, at some of their positions: no work for padding, and in the last layer none for what nobody asks.

For layers of llama's kind, with gradients (slopes.py); others are read by their own module.

batch B, longest sequence L, real tokens M, wanted positions N, width D, heads H, key and value heads K, head size S
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import LlamaModel, MistralModel, PreTrainedModel, Qwen3Model

from pipeline.model.batches import of_like_lengths
from pipeline.model.plain import Plain, is_plain
from pipeline.model.slopes import Attended, Behind, Grid, Heads, Normed, grid_of

BODIES = (Qwen3Model, LlamaModel, MistralModel)
SHORT = 128  # tokens of a row whose scores are written down


def hidden_at(
    module: PreTrainedModel, ids: Int[Tensor, "B L"], real: Bool[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
) -> Float[Tensor, "N D"]:
    """The last hidden state at each wanted position, row after row. Sequences are padded on the right; what is wanted must be real."""
    body: Any = module.base_model
    if not is_plain(body, BODIES) or body.config.hidden_act != "silu":
        hidden: Tensor = body(input_ids=ids).last_hidden_state
        return hidden[wanted]
    read = real & (wanted.flip(1).cumsum(1).flip(1) > 0)  # nobody asks for what stands behind
    if torch.is_grad_enabled() or torch.is_autocast_enabled(ids.device.type):  # whose roundings must be those of learning
        return _read(body, ids, read, wanted)
    plain = Plain(module)
    found: Tensor = body.embed_tokens.weight.new_empty(int(wanted.sum()), body.config.hidden_size)
    numbers = wanted.flatten().cumsum(0).view_as(wanted) - 1  # of each wanted position in what is found
    for rows in of_like_lengths(read.sum(1).tolist(), rows=len(ids), device=str(ids.device)):
        at = torch.tensor(rows, device=ids.device)
        found[numbers[at][wanted[at]]] = _looked(plain, ids[at], read[at], wanted[at])
    return found


def _looked(plain: Plain, ids: Tensor, real: Tensor, wanted: Tensor) -> Tensor:
    """Without slopes."""
    longest = int(real.sum(1).max())
    ids, real, wanted = ids[:, :longest], real[:, :longest], wanted[:, :longest]
    at, source = real.flatten().nonzero()[:, 0], (real.flatten().cumsum(0) - 1).clamp(min=0)
    hidden, turns = plain.embedding[ids[real]], plain.turns(longest)[at % longest][:, None]
    for number, layer in enumerate(plain.layers, start=1):
        heads = plain.heads_of(hidden, layer, turns)
        q, k, v = (one.index_select(0, source).unflatten(0, real.shape).transpose(1, 2) for one in heads)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=plain.groups != plain.heads)
        mixed = mixed.transpose(1, 2).flatten(0, 1).index_select(0, at).flatten(1)
        if number == len(plain.layers):
            hidden, mixed = hidden[asked := wanted[real]], mixed[asked]
        hidden = plain.behind(hidden, mixed, layer)
    return plain.last(hidden)


def _read(body: Any, ids: Tensor, real: Tensor, wanted: Tensor) -> Tensor:
    longest = int(real.sum(1).max())
    ids, real, wanted = ids[:, :longest], real[:, :longest], wanted[:, :longest]
    hidden = F.embedding(ids[real], body.embed_tokens.weight)
    grid = grid_of(real, body.config, body.rotary_emb.inv_freq.float(), hidden.dtype)
    *layers, last = body.layers
    for layer in layers:
        hidden = _behind(layer, hidden, _attended(layer, hidden, grid), grid.queries_at.flatten())
    asked = wanted[real].nonzero()[:, 0]
    hidden = _behind(last, hidden[asked], _attended(last, hidden, grid), grid.queries_at[asked].flatten())
    found: Tensor = Normed.apply(hidden, body.norm.weight, body.norm.variance_epsilon)  # type: ignore[no-untyped-call]
    return found


def _attended(layer: Any, hidden: Float[Tensor, "M D"], grid: Grid) -> Float[Tensor, "B_H_L S"]:
    """What each token takes from those before it."""
    own, norm = layer.self_attn, layer.input_layernorm
    of_q, of_k = (getattr(getattr(own, name, None), "weight", None) for name in ("q_norm", "k_norm"))
    matrices = own.q_proj.weight, own.k_proj.weight, own.v_proj.weight
    flat: Tensor = Heads.apply(grid, norm.variance_epsilon, hidden, norm.weight, of_q, of_k, *matrices)  # type: ignore[no-untyped-call]
    if grid.shape[1] <= SHORT and not torch.is_autocast_enabled(flat.device.type):
        short: Tensor = Attended.apply(grid, own.scaling, flat)  # type: ignore[no-untyped-call]
        return short
    q, k, v = grid.parts(flat)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=own.scaling, enable_gqa=grid.heads != grid.groups)
    return mixed.reshape(-1, flat.shape[1])


def _behind(layer: Any, hidden: Float[Tensor, "N D"], mixed: Float[Tensor, "B_H_L S"], places: Int[Tensor, " N_H"]) -> Float[Tensor, "N D"]:
    """The rest of a layer, for the tokens whose heads lie at these places."""
    norm, inner = layer.post_attention_layernorm, layer.mlp
    matrices = layer.self_attn.o_proj.weight, inner.gate_proj.weight, inner.up_proj.weight, inner.down_proj.weight
    found: Tensor = Behind.apply(places, norm.variance_epsilon, hidden, mixed, norm.weight, *matrices)  # type: ignore[no-untyped-call]
    return found
