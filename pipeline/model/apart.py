"""Documents of packed rows, each read alone: for modules whose layers carry a state along a row and can't be told where one ends.

batch B, time T, vocabulary V, N documents of about one length W
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers.modeling_outputs import CausalLMOutput

from pipeline.tokens.special import IDS, PAD


def begins(positions: Int[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
    """Where a document begins: at the start of a row, and where positions don't go on."""
    return positions.diff(prepend=positions[:, :1]) != 1


def is_packed(positions: Int[Tensor, "B T"]) -> bool:
    """Whether a row holds more than one document: positions start again where one begins."""
    return bool(begins(positions)[:, 1:].any())


def read_apart(forward: Callable[..., Any], ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"], *, step: int) -> CausalLMOutput:
    """The logits [B, T, V] that a module's own forward gives each document alone, in the places of the rows.

    Documents are read together where their lengths, rounded up, agree: to powers of two below `step`, from there on to multiples of it.
    """
    starts = begins(positions).flatten().nonzero()[:, 0]
    lengths = starts.diff(append=starts.new_tensor([ids.numel()]))
    short = 2 ** (lengths.double()).log2().ceil().long()
    widths = torch.where(lengths < step, short.clamp(max=step), (lengths + step - 1) // step * step)
    found, places = [], []
    for width in sorted(set(widths.tolist())):
        own = widths == width
        columns = torch.arange(width, device=ids.device)
        real = columns < lengths[own, None]
        at = starts[own, None] + columns
        rows = torch.where(real, ids.flatten()[at.clamp(max=ids.numel() - 1)], IDS[PAD])
        found.append(forward(rows, attention_mask=real.long(), use_cache=False).logits[real])
        places.append(at[real])
    return CausalLMOutput(logits=torch.cat(found)[torch.cat(places).argsort()].view(*ids.shape, -1))
