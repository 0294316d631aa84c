"""Sophia: a momentum divided by the curvature, and clipped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from pipeline.core.bounds import ProperFraction
from pipeline.core.seed import seed_of
from pipeline.train.optimizers.base import Decoupled, Elementwise, Group
from pipeline.train.sharding import cut, local

TINY = 1e-12  # keeps the quotient finite where there is no curvature; the clip makes a sign of it (Liu et al. 2024)


@dataclass(frozen=True, kw_only=True)
class SophiaSettings(Decoupled):
    """Liu et al. 2024, arXiv 2305.14342, with Hutchinson's estimate of the Hessian's diagonal."""

    beta1: ProperFraction  # decay rate of the momentum
    beta2: ProperFraction  # decay rate of the curvature
    gamma: PositiveFloat  # of the curvature in the quotient: the smaller, the more numbers are clipped
    probe_every: PositiveInt  # steps between two estimates of the curvature, two gradients each
    probe_size: PositiveFloat  # how far a weight is moved for it

    def build(self, groups: Sequence[Group]) -> "Sophia":
        """The optimizer of these weights."""
        return Sophia(groups, self)


class Sophia(Elementwise):
    """No number moves by more than the learning rate."""

    def __init__(self, groups: Sequence[Group], settings: SophiaSettings) -> None:
        super().__init__(groups, ("momentum", "curvature"), settings.cautious)
        self._settings = settings

    @torch.no_grad()
    def probe(self, step: int, gradients: Callable[[], Sequence[Tensor | None]]) -> None:
        """u * (H u) for random signs u; H u is the difference of the gradients at w + su and w - su, over 2s.

        A difference, since fused attention has no second derivative.
        """
        own = self._settings
        if step % own.probe_every:
            return
        weights = {name: local(one) for name, one in self.weights.items()}
        draw = torch.Generator().manual_seed(seed_of(step, "sophia"))
        drawn = [torch.randint(0, 2, one.shape, generator=draw).mul_(2).sub_(1) for one in self.weights.values()]
        signs = [cut(sign, one).to(local(one)) for sign, one in zip(drawn, self.weights.values(), strict=True)]
        before = [one.clone() for one in weights.values()]
        found = []
        for size in (own.probe_size, -own.probe_size):
            for weight, was, sign in zip(weights.values(), before, signs, strict=True):
                torch.add(was, sign, alpha=size, out=weight)
            with torch.enable_grad():
                found.append([None if one is None else local(one).clone() for one in gradients()])
        for name, weight, was, sign, up, down in zip(weights, weights.values(), before, signs, *found, strict=True):
            weight.copy_(was)
            if up is not None and down is not None and (up - down).isfinite().all():  # a batch that is no number teaches nothing
                self.state["curvature"][name].lerp_(sign * (up - down) / (2 * own.probe_size), 1 - own.beta2)

    def direction(self, name: str, gradient: Tensor) -> Tensor:
        own, momentum = self._settings, self.state["momentum"][name]
        momentum.lerp_(gradient, 1 - own.beta1)
        return (momentum / (self.state["curvature"][name] * own.gamma).clamp_(min=TINY)).clamp_(-1, 1)
