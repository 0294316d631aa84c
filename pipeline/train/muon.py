"""Muon: momentum whose matrices are made orthogonal before they step (Jordan et al. 2024).

matrices of one shape K, rows M, columns N
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pipeline.train.recipe import Share

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that lifts small singular values fastest (Jordan et al. 2024)
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class MuonSettings:
    """For the matrices inside the layers."""

    lr: PositiveFloat
    momentum: Share
    ns_steps: PositiveInt  # Newton-Schulz iterations
    precision: Literal["fp32", "bf16"]  # of the iteration; bf16 needs a device that has it in hardware


class Muon:
    """Steps matrices of one shape in one batched product. Nesterov momentum; the rate grows with sqrt(rows / columns) of tall ones."""

    def __init__(self, parameters: Sequence[Tensor], settings: MuonSettings) -> None:
        shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for parameter in parameters:
            shapes[parameter.shape].append(parameter)
        self.settings = settings
        self._groups = list(shapes.values())
        self._momenta = [torch.stack([torch.zeros_like(one) for one in group]) for group in self._groups]

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step at `factor` times the learning rate."""
        own = self.settings
        for group, momentum in zip(self._groups, self._momenta, strict=True):
            gradient = torch.stack([one.grad if one.grad is not None else torch.zeros_like(one) for one in group])
            momentum.lerp_(gradient, 1 - own.momentum)
            ahead = gradient.lerp_(momentum, own.momentum)
            update = newton_schulz(ahead, steps=own.ns_steps, dtype=PRECISIONS[own.precision])
            rate = own.lr * factor * max(1.0, momentum.shape[1] / momentum.shape[2]) ** 0.5
            torch._foreach_add_(group, list(update.unbind(0)), alpha=-rate)

    def tensors(self) -> dict[str, Tensor]:
        """The state by name."""
        return {f"momentum.{number}": momentum for number, momentum in enumerate(self._momenta)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        for name, momentum in self.tensors().items():
            momentum.copy_(tensors[name])


def newton_schulz(matrices: Float[Tensor, "K M N"], *, steps: int, dtype: torch.dtype) -> Float[Tensor, "K M N"]:
    """Roughly U V^T of each U S V^T: after five steps the singular values lie in about .7 to 1.2."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    wide = (matrices.mT if tall else matrices).to(dtype)
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return (wide.mT if tall else wide).to(matrices.dtype)
