"""Stochastic gradient descent with momentum, torch's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Group, OfTorch, Settings


@dataclass(frozen=True, kw_only=True)
class SGDSettings(Settings):
    """Robbins and Monro 1951; the decay is a part of the gradient."""

    momentum: ProperFraction
    nesterov: bool

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov looks ahead along the momentum: it needs a momentum above 0")

    def build(self, groups: Sequence[Group]) -> OfTorch:
        """The optimizer of these weights."""
        return OfTorch(groups, partial(torch.optim.SGD, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov, fused=True))
