"""AdamW, torch's own, fused."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Decoupled, Group, OfTorch


@dataclass(frozen=True, kw_only=True)
class AdamWSettings(Decoupled):
    """Loshchilov and Hutter 2019."""

    beta1: ProperFraction
    beta2: ProperFraction

    def build(self, groups: Sequence[Group]) -> OfTorch:
        """The optimizer of these weights."""
        inner = partial(torch.optim.AdamW, lr=self.lr, betas=(self.beta1, self.beta2), fused=True)
        return OfTorch(groups, inner, cautious=self.cautious)
