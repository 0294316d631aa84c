"""Which tokens of packed rows see which, for kinds whose attention can be told (Kind.any_mask).

batch B, time T
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import PretrainedConfig

from pipeline.model.apart import begins


def both_ways(positions: Int[Tensor, "B T"]) -> Bool[Tensor, "B 1 T T"]:
    """A token sees all of its document. Documents begin where positions don't go on; padding, whose positions are 0, sees itself."""
    documents = begins(positions).cumsum(1)
    return (documents[:, :, None] == documents[:, None, :])[:, None]


def with_prefix(positions: Int[Tensor, "B T"], prefix: Bool[Tensor, "B T"]) -> Bool[Tensor, "B 1 T T"]:
    """A token sees those before it in its document, and all that stand in its prefix."""
    places = torch.arange(positions.shape[1], device=positions.device)
    before = places[:, None] >= places[None, :]
    return both_ways(positions) & (before | prefix[:, None, :])[:, None]


def read_both_ways(config: PretrainedConfig) -> None:
    """transformers, too, reads the model in both directions from now on; it is saved with the configuration."""
    config.is_causal = False
