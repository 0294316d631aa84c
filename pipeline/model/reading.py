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
    return _looked(module, ids, read, wanted)


def _looked(module: PreTrainedModel, ids: Tensor, read: Tensor, wanted: Tensor) -> Tensor:
    """Without slopes: rows of like lengths together."""
    plain, lengths, device = Plain(module), read.sum(1).tolist(), str(ids.device)
    turns = plain.turns(max(lengths, default=0))
    found = plain.embedding.new_empty(int(wanted.sum()), plain.embedding.shape[1])
    numbers = wanted.flatten().cumsum(0).view_as(wanted) - 1  # of each wanted position in what is found
    for rows in of_like_lengths(lengths, rows=len(ids), device=device):
        at, longest = torch.tensor(rows, device=ids.device), lengths[rows[-1]]
        asked = wanted[at, :longest]
        cos, sin = (one[:longest, None] for one in turns)
        hidden = plain.embedding[ids[at, :longest]]
        for number, layer in enumerate(plain.layers, start=1):
            mixed, *_ = plain.attended(hidden, layer, cos, sin, None)
            if number == len(plain.layers):
                hidden, mixed = hidden[asked], mixed[asked]
            hidden = plain.behind(hidden, mixed, layer)
        found[numbers[at, :longest][asked]] = plain.last(hidden)
    return found


def _read(body: Any, ids: Tensor, real: Tensor, wanted: Tensor) -> Tensor:
    longest = int(real.sum(1).max())
    ids, real, wanted = ids[:, :longest], real[:, :longest], wanted[:, :longest]
    config = body.config
    grid = grid_of(real, heads=config.num_attention_heads, groups=config.num_key_value_heads, frequencies=body.rotary_emb.inv_freq.float())
    hidden = F.embedding(ids[real], body.embed_tokens.weight)
    *layers, last = body.layers
    places = grid.gathered.view(len(hidden), -1)[:, : grid.heads]
    every = places.flatten()
    for layer in layers:
        hidden = _behind(layer, hidden, _attended(layer, hidden, grid), every)
    asked = wanted[real].nonzero()[:, 0]
    hidden = _behind(last, hidden[asked], _attended(last, hidden, grid), places[asked].flatten())
    norm = body.norm
    found: Tensor = Normed.apply(hidden, norm.weight, norm.variance_epsilon)  # type: ignore[no-untyped-call]
    return found


def _attended(layer: Any, hidden: Float[Tensor, "M D"], grid: Grid) -> Float[Tensor, "B_H_L S"]:
    """What each token takes from those before it."""
    own, norm = layer.self_attn, layer.input_layernorm
    of_q, of_k = (getattr(getattr(own, name, None), "weight", None) for name in ("q_norm", "k_norm"))
    matrices = own.q_proj.weight, own.k_proj.weight, own.v_proj.weight
    flat: Tensor = Heads.apply(grid, norm.variance_epsilon, hidden, norm.weight, of_q, of_k, *matrices)  # type: ignore[no-untyped-call]
    if grid.length <= SHORT and not torch.is_autocast_enabled(flat.device.type):
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
