"""How a transformer of our own is told where tokens stand.

batch B, time T, tokens that are seen S, heads H, head width K, width D
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

BASE = 10_000  # of the longest wave (Vaswani et al. 2017, Su et al. 2021)
BUCKETS, FARTHEST = 32, 128  # of distances (Raffel et al. 2020); all beyond FARTHEST share the last


def sinusoids(positions: Int[Tensor, "B T"], width: int) -> Float[Tensor, "B T D"]:
    """Sine and cosine in turn, of waves from 2 pi to 2 pi x BASE (Vaswani et al. 2017)."""
    angles = _angles(positions, width)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)


def rotation(positions: Int[Tensor, "B T"], head: int) -> tuple[Float[Tensor, "B 1 T K"], Float[Tensor, "B 1 T K"]]:
    """Cosine and sine of the angles by which q and k are turned (Su et al. 2021), for halves."""
    angles = _angles(positions, head).repeat(1, 1, 2)[:, None]
    return angles.cos(), angles.sin()


def rotated(vectors: Float[Tensor, "B H T K"], cosine: Tensor, sine: Tensor) -> Float[Tensor, "B H T K"]:
    """q or k, turned: number i of the first half with number i of the second, as llama has it."""
    first, second = vectors.chunk(2, -1)
    return (vectors * cosine + torch.cat([-second, first], -1) * sine).to(vectors.dtype)


def alibi(distance: Int[Tensor, "B T S"], heads: int) -> Float[Tensor, "B H T S"]:
    """A penalty that grows with the distance, the slope of head i 2^(-8 i / heads) (Press et al. 2022)."""
    slopes = 2.0 ** (-8 * torch.arange(1, heads + 1, device=distance.device) / heads)
    return -slopes[:, None, None] * distance[:, None]


class RelativeBias(nn.Embedding):
    """A learned number a head for each bucket of distances, the same in all layers (Raffel et al. 2020)."""

    def __init__(self, heads: int) -> None:
        super().__init__(BUCKETS, heads)

    def forward(self, distance: Int[Tensor, "B T S"]) -> Float[Tensor, "B H T S"]:
        """What is added to the scores."""
        return super().forward(bucket(distance)).permute(0, 3, 1, 2)


def bucket(distance: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The bucket of each distance into the past: one each for the first half, then by its logarithm."""
    near, past = BUCKETS // 2, distance.clamp(min=0)
    far = near + (torch.log(past.clamp(min=1) / near) / math.log(FARTHEST / near) * (BUCKETS - near)).long()
    return torch.where(past < near, past, far.clamp(max=BUCKETS - 1))


def _angles(positions: Int[Tensor, "B T"], width: int) -> Float[Tensor, "B T half"]:
    steps = torch.arange(0, width, 2, device=positions.device) / width
    return positions[..., None].float() * (1.0 / BASE**steps)
