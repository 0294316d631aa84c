"""Adafactor, torch's own: the second moment of a matrix by its rows and columns alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat

from pipeline.core.errors import PipelineError
from pipeline.train.optimizers.base import Decoupled, Group, OfTorch
from pipeline.train.sharding import in_parts


@dataclass(frozen=True, kw_only=True)
class AdafactorSettings(Decoupled):
    """Shazeer and Stern 2018: lr is a bound, relative to the size of the weight; step t keeps 1 - t^beta2_decay of the second moment."""

    beta2_decay: Annotated[float, Field(lt=0)]
    clip: PositiveFloat  # root mean square of an update at most

    def build(self, groups: Sequence[Group]) -> OfTorch:
        """The optimizer of these weights. PipelineError for those that lie in parts: it looks at whole rows and columns."""
        if any(in_parts(one) for group in groups for one in group.weights.values()):
            raise PipelineError("Adafactor can't move weights that lie in parts", mend="hardware.parallel=data, or pretrain=adamw")
        inner = partial(torch.optim.Adafactor, lr=self.lr, beta2_decay=self.beta2_decay, d=self.clip)
        return OfTorch(groups, inner, cautious=self.cautious)
