"""What every optimizer is: groups of named weights, a step, a state with names. torch's own, and those that are written here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from pipeline.train.checkpoint import below, prefixed


@dataclass(frozen=True)
class Group:
    """Weights that share a learning rate and a decay."""

    weights: Mapping[str, Tensor]
    lr: float  # a step
    weight_decay: float  # a step, times lr


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all have in common."""

    lr: PositiveFloat
    weight_decay: NonNegativeFloat


@dataclass(frozen=True, kw_only=True)
class Decoupled(Settings):
    """The decay is a step of its own (Loshchilov and Hutter 2019), not a part of the gradient."""

    cautious: bool  # only where the step goes the same way (Chen et al. 2025, arXiv 2510.12402)


class Optimizer(ABC):
    """Moves its weights down their gradients."""

    @abstractmethod
    def step(self, factor: float) -> None:
        """One step at `factor` times the learning rates."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """The state by name; torch's own have none before the first step."""

    @abstractmethod
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""

    def probe(self, step: int, gradients: Callable[[], Sequence[Tensor | None]]) -> None:  # noqa: B027 - only who needs curvature asks
        """Look around before the step. `gradients` are those of all the weights of this optimizer, at whatever values they have then."""


class OfTorch(Optimizer):
    """One of torch.optim, with a state that has names. Its decay is left out where it is cautious, and done here."""

    def __init__(
        self, groups: Sequence[Group], build: Callable[[list[dict[str, object]]], torch.optim.Optimizer], *, cautious: bool = False
    ) -> None:
        self._groups = [group for group in groups if group.weights]
        self._cautious = cautious and any(group.weight_decay for group in self._groups)
        self._inner = build(
            [
                {"params": list(group.weights.values()), "lr": group.lr, "weight_decay": 0.0 if self._cautious else group.weight_decay}
                for group in self._groups
            ]
        )

    @torch.no_grad()
    def step(self, factor: float) -> None:
        for group, inner in zip(self._groups, self._inner.param_groups, strict=True):
            inner["lr"] = group.lr * factor
        before = [[one.clone() for one in group.weights.values()] for group in self._groups] if self._cautious else []
        self._inner.step()
        for group, old in zip(self._groups, before, strict=False):
            weights = list(group.weights.values())
            for weight, was in zip(weights, old, strict=True):
                weight.sub_(was * ((was - weight) * was > 0), alpha=group.lr * factor * group.weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{name}.{key}": value
            for group in self._groups
            for name, one in group.weights.items()
            for key, value in self._inner.state[one].items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for group in self._groups:
            for name, one in group.weights.items():
                own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.rpartition(".")[0] == name}
                self._inner.state[one] = {key: value.to(one.device) for key, value in own.items()}


@dataclass
class Elementwise(Optimizer):
    """One of ours that looks at each number of a weight alone: a direction, from the gradient and running means of its shape."""

    groups: Sequence[Group]
    means: tuple[str, ...]  # the names of the running means
    cautious: bool
    state: dict[str, dict[str, Tensor]] = field(init=False)  # running mean -> weight -> tensor

    def __post_init__(self) -> None:
        named = {name: one for group in self.groups for name, one in group.weights.items()}
        self.state = {mean: {name: torch.zeros_like(one) for name, one in named.items()} for mean in self.means}

    @abstractmethod
    def direction(self, name: str, gradient: Tensor) -> Tensor:
        """Where the weight goes against, at a rate of 1; the running means move on."""

    @torch.no_grad()
    def step(self, factor: float) -> None:
        for group in self.groups:
            for name, weight in group.weights.items():
                if weight.grad is not None:
                    update = self.direction(name, weight.grad)
                    decay([weight], [update], amount=group.lr * factor * group.weight_decay, cautious=self.cautious)
                    weight.sub_(update, alpha=group.lr * factor)

    def tensors(self) -> dict[str, Tensor]:
        return {name: value for mean, tensors in self.state.items() for name, value in prefixed(mean, tensors).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for mean, own in self.state.items():
            for name, value in below(mean, tensors).items():
                own[name].copy_(value)


def decay(weights: Sequence[Tensor], updates: Sequence[Tensor], *, amount: float, cautious: bool) -> None:
    """Shrink the weights by this share of themselves; where `cautious`, only the numbers that the update shrinks too."""
    if amount and cautious:
        for weight, update in zip(weights, updates, strict=True):
            weight.sub_(weight * (update * weight > 0), alpha=amount)
    elif amount:
        torch._foreach_mul_(list(weights), 1 - amount)
