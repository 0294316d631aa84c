"""Weights averaged over the steps, which are evaluated and kept instead of the last ones."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.core.bounds import OpenFraction
from pipeline.train.checkpoint import beside_weights, copy_of_weights, load_weights, weights_of


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """One of the two, or none."""

    ema_decay: OpenFraction | None  # a step: what the mean keeps of itself
    passes: PositiveInt | None  # over the data: the mean of the weights at the end of each of the last ones

    def __post_init__(self) -> None:
        if self.ema_decay is not None and self.passes is not None:
            raise ValueError("weights are averaged by ema_decay or over the last passes: one of them is null")


def ema_share(step: int, *, decay: float) -> float:
    """What step 0.. brings into the mean: 1 - decay, and more at first, so that the beginning is soon forgotten."""
    return 1 - min(decay, (1 + step) / (10 + step))


def passes_share(step: int, *, passes: int, steps: int, batch: int, rows: int) -> float:
    """What step 0..steps-1 brings into the mean of the last `passes` ends of a pass, the end of the run among them; 0 between them."""
    ends = steps * batch // rows + (steps * batch % rows > 0)  # a part of a pass is one
    read = (step + 1) * batch
    number = ends if step + 1 == steps else read // rows  # passes that are over
    over = step + 1 == steps or read // rows > step * batch // rows
    earlier = number - 1 - max(0, ends - passes)
    return 1 / (1 + earlier) if over and earlier >= 0 else 0.0


class Average:
    """A running mean of a module's weights; before the first step that counts it is nothing."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, share: float) -> None:
        """Move the mean this share of the way to the weights."""
        if not share:
            return
        self._mean = self._mean or copy_of_weights(self._module)
        for name, one in weights_of(self._module).items():
            if one.is_floating_point():
                self._mean[name].lerp_(one, share)
            else:
                self._mean[name].copy_(one)

    def take(self) -> None:
        """Put the mean into the module for good."""
        if self._mean:
            load_weights(self._module, self._mean)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module with the mean as its weights; afterwards it has its own."""
        if not self._mean:
            yield
            return
        own = copy_of_weights(self._module)
        load_weights(self._module, self._mean)
        try:
            yield
        finally:
            load_weights(self._module, own)

    def tensors(self) -> dict[str, Tensor]:
        """The mean by name."""
        return self._mean

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        self._mean = beside_weights(self._module, tensors)
