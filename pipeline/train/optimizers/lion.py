"""Lion: the sign of a momentum."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pipeline.core.bounds import ProperFraction
from pipeline.train.optimizers.base import Decoupled, Elementwise, Group


@dataclass(frozen=True, kw_only=True)
class LionSettings(Decoupled):
    """Chen et al. 2023, arXiv 2302.06675."""

    beta1: ProperFraction  # of the mix of momentum and gradient whose sign is taken
    beta2: ProperFraction  # decay rate of the momentum

    def build(self, groups: Sequence[Group]) -> "Lion":
        """The optimizer of these weights."""
        return Lion(groups, self)


class Lion(Elementwise):
    """Every number moves by the learning rate, up or down."""

    def __init__(self, groups: Sequence[Group], settings: LionSettings) -> None:
        super().__init__(groups, ("momentum",), settings.cautious)
        self._settings = settings

    def direction(self, name: str, gradient: Tensor) -> Tensor:
        own, momentum = self._settings, self.state["momentum"][name]
        update = momentum.lerp(gradient, 1 - own.beta1).sign_()
        momentum.lerp_(gradient, 1 - own.beta2)
        return update
