"""What every optimizer is: groups of named weights, a step, a state with names. torch's own, and those that are written here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from pipeline.train.checkpoint import below, prefixed
from pipeline.train.sharding import cut, joined, local


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
    """One of torch.optim, with a state that has names. Its decay is left out where it is cautious, and done here.

    It looks at each number alone, so of a weight in parts it is given this rank's.
    """

    def __init__(
        self, groups: Sequence[Group], build: Callable[[list[dict[str, object]]], torch.optim.Optimizer], *, cautious: bool = False
    ) -> None:
        self._weights = {name: one for group in groups for name, one in group.weights.items()}
        mine = [Group({name: local(one) for name, one in group.weights.items()}, group.lr, group.weight_decay) for group in groups]
        self._groups = [group for group in mine if group.weights]
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
            for name, part in group.weights.items():
                gradient = self._weights[name].grad
                part.grad = None if gradient is None else local(gradient)
        before = [[one.clone() for one in group.weights.values()] for group in self._groups] if self._cautious else []
        self._inner.step()
        for group in self._groups:
            for name, part in group.weights.items():
                if part is not self._weights[name]:
                    part.grad = None  # of a weight in parts: its memory
        for group, old in zip(self._groups, before, strict=False):
            weights = list(group.weights.values())
            for weight, was in zip(weights, old, strict=True):
                weight.sub_(was * ((was - weight) * was > 0), alpha=group.lr * factor * group.weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{name}.{key}": joined(value, self._weights[name]) if value.shape == one.shape else value
            for group in self._groups
            for name, one in group.weights.items()
            for key, value in self._inner.state[one].items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for group in self._groups:
            for name, one in group.weights.items():
                own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.rpartition(".")[0] == name}
                weight = self._weights[name]
                mine = {key: cut(value, weight) if value.shape == weight.shape else value for key, value in own.items()}
                self._inner.state[one] = {key: value.to(one.device) for key, value in mine.items()}


@dataclass
class Elementwise(Optimizer):
    """One of ours that looks at each number of a weight alone: a direction, from the gradient and running means of its shape.

    Of a weight in parts it sees this rank's.
    """

    groups: Sequence[Group]
    means: tuple[str, ...]  # the names of the running means
    cautious: bool
    weights: dict[str, Tensor] = field(init=False)  # of all groups
    state: dict[str, dict[str, Tensor]] = field(init=False)  # running mean -> weight -> tensor

    def __post_init__(self) -> None:
        self.weights = {name: one for group in self.groups for name, one in group.weights.items()}
        self.state = {mean: {name: torch.zeros_like(local(one)) for name, one in self.weights.items()} for mean in self.means}

    @abstractmethod
    def direction(self, name: str, gradient: Tensor) -> Tensor:
        """Where the weight goes against, at a rate of 1; the running means move on."""

    @torch.no_grad()
    def step(self, factor: float) -> None:
        for group in self.groups:
            for name, weight in group.weights.items():
                if weight.grad is not None:
                    part, update = local(weight), self.direction(name, local(weight.grad))
                    decay([part], [update], amount=group.lr * factor * group.weight_decay, cautious=self.cautious)
                    part.sub_(update, alpha=group.lr * factor)

    def tensors(self) -> dict[str, Tensor]:
        means = {mean: {name: joined(one, self.weights[name]) for name, one in own.items()} for mean, own in self.state.items()}
        return {name: value for mean, tensors in means.items() for name, value in prefixed(mean, tensors).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for mean, own in self.state.items():
            for name, value in below(mean, tensors).items():
                own[name].copy_(cut(value, self.weights[name]))


def decay(weights: Sequence[Tensor], updates: Sequence[Tensor], *, amount: float, cautious: bool) -> None:
    """Shrink the weights by this share of themselves; where `cautious`, only the numbers that the update shrinks too."""
    if amount and cautious:
        for weight, update in zip(weights, updates, strict=True):
            weight.sub_(weight * (update * weight > 0), alpha=amount)
    elif amount:
        torch._foreach_mul_(list(weights), 1 - amount)
