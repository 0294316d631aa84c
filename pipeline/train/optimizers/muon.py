"""Muon: momentum whose matrices are made orthogonal before they step (Jordan et al. 2024).

matrices of one shape K, rows M, columns N
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import PositiveInt
from torch import Tensor

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Decoupled, Group, Optimizer, decay
from pipeline.train.sharding import cut, local, put, stacked, whole

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that lifts small singular values fastest (Jordan et al. 2024)
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class MuonSettings(Decoupled):
    """For the matrices inside the layers."""

    momentum: ProperFraction
    ns_steps: PositiveInt  # Newton-Schulz iterations
    precision: Literal["fp32", "bf16"]  # of the iteration; bf16 needs a device that has it in hardware

    def build(self, groups: Sequence[Group]) -> "Muon":
        """The optimizer of these matrices."""
        return Muon(groups, self)


class Muon(Optimizer):
    """Steps matrices of one shape in one batched product. Nesterov momentum; the rate grows with sqrt(rows / columns) of tall ones.

    Momenta of weights in parts lie in parts. What is made orthogonal is gathered, by each rank for itself: as many products as alone.
    """

    def __init__(self, groups: Sequence[Group], settings: MuonSettings) -> None:
        shapes: dict[tuple[torch.Size, float, float], list[Tensor]] = defaultdict(list)
        for group in groups:
            for weight in group.weights.values():
                shapes[weight.shape, group.lr, group.weight_decay].append(weight)
        self.settings = settings
        self._stacks = [(weights, lr, shrink) for (_, lr, shrink), weights in shapes.items()]
        self._momenta = [stacked([torch.zeros_like(local(one)) for one in weights], weights[0]) for weights, _, _ in self._stacks]

    @torch.no_grad()
    def step(self, factor: float) -> None:
        own = self.settings
        for number, ((weights, lr, shrink), momentum) in enumerate(zip(self._stacks, self._momenta, strict=True)):
            parts, mine = [local(one) for one in weights], local(momentum)
            gradients = [torch.zeros_like(part) if one.grad is None else local(one.grad) for one, part in zip(weights, parts, strict=True)]
            gradient = stacked(gradients, weights[0])
            mine.lerp_(local(gradient), 1 - own.momentum)
            local(gradient).lerp_(mine, own.momentum)
            ahead = whole(gradient)
            update = self._balanced(number, newton_schulz(ahead, steps=own.ns_steps, dtype=PRECISIONS[own.precision]))
            updates = cut(update, momentum).unbind(0)
            decay(parts, updates, amount=lr * factor * shrink, cautious=own.cautious)
            rate = lr * factor * max(1.0, momentum.shape[1] / momentum.shape[2]) ** 0.5
            torch._foreach_add_(parts, list(updates), alpha=-rate)

    def _balanced(self, number: int, update: Float[Tensor, "K M N"]) -> Float[Tensor, "K M N"]:
        """The update of a stack, as it steps."""
        return update

    def tensors(self) -> dict[str, Tensor]:
        return {f"momentum.{number}": momentum for number, momentum in enumerate(self._momenta)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, own in self.tensors().items():
            put(own, tensors[name])


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
