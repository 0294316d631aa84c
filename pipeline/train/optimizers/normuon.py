"""NorMuon: Muon whose neurons step equally far.

matrices of one shape K, rows M (a neuron each), columns N
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Group
from pipeline.train.optimizers.muon import Muon, MuonSettings

TINY = 1e-10  # keeps the quotients finite


@dataclass(frozen=True, kw_only=True)
class NorMuonSettings(MuonSettings):
    """Li et al. 2025, arXiv 2510.05491."""

    beta2: ProperFraction  # decay rate of a neuron's second moment

    def build(self, groups: Sequence[Group]) -> "NorMuon":
        """The optimizer of these matrices."""
        return NorMuon(groups, self)


class NorMuon(Muon):
    """Each row is divided by the root of its running mean square; the matrix keeps the norm of Muon's step, so lr means the same."""

    def __init__(self, groups: Sequence[Group], settings: NorMuonSettings) -> None:
        super().__init__(groups, settings)
        self._beta2 = settings.beta2
        self._squares = [torch.zeros(*momentum.shape[:2], 1, dtype=momentum.dtype, device=momentum.device) for momentum in self._momenta]

    def _balanced(self, number: int, update: Float[Tensor, "K M N"]) -> Float[Tensor, "K M N"]:
        squares, norm = self._squares[number], update.norm(dim=(1, 2), keepdim=True)
        squares.lerp_(update.square().mean(dim=2, keepdim=True), 1 - self._beta2)
        even = update / (squares.sqrt() + TINY)
        kept: Tensor = even * (norm / (even.norm(dim=(1, 2), keepdim=True) + TINY))
        return kept

    def tensors(self) -> dict[str, Tensor]:
        return super().tensors() | {f"squares.{number}": squares for number, squares in enumerate(self._squares)}
