"""Preference by nats a token, with a margin and without a reference.

Meng et al. 2024, "SimPO: Simple Preference Optimization with a Reference-Free Reward", arXiv 2405.14734.
"""

from dataclasses import dataclass

from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from pipeline.align.direct import PairTrainer, ReferenceFree, Said
from pipeline.align.preference_losses import contrast


@dataclass(frozen=True, kw_only=True)
class SimplePreferences(ReferenceFree):
    """What the method adds."""

    beta: PositiveFloat  # of the reward, times nats a token
    gamma: NonNegativeFloat  # of the reward: by how much the chosen answer is to be ahead

    def reward(self, said: Said) -> Float[Tensor, " B"]:
        """beta x nats a token."""
        return self.beta * said.mean

    def losses(self, chosen: Said, rejected: Said) -> Float[Tensor, " B"]:
        """-log sigmoid(difference of rewards - gamma)."""
        return contrast(chosen.mean, rejected.mean, beta=self.beta, gamma=self.gamma)


class Trainer(PairTrainer):
    """Names the random streams."""

    method = "simpo"
