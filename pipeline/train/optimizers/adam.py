"""Adam, torch's own, fused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Group, OfTorch, Settings


@dataclass(frozen=True, kw_only=True)
class AdamSettings(Settings):
    """Kingma and Ba 2015; the decay is a part of the gradient."""

    beta1: ProperFraction
    beta2: ProperFraction

    def build(self, groups: Sequence[Group]) -> OfTorch:
        """The optimizer of these weights."""
        return OfTorch(groups, partial(torch.optim.Adam, lr=self.lr, betas=(self.beta1, self.beta2), fused=True))
