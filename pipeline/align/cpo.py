"""DPO with a uniform reference, held by the likelihood of the chosen answers.

Xu et al. 2024, "Contrastive Preference Optimization: Pushing the Boundaries of LLM Performance in Machine Translation", arXiv 2401.08417.
"""

from dataclasses import dataclass

from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor

from pipeline.align.direct import PairTrainer, ReferenceFree, Said
from pipeline.align.preference_losses import contrast


@dataclass(frozen=True, kw_only=True)
class Contrastive(ReferenceFree):
    """What the method adds."""

    beta: PositiveFloat  # 1/nat

    def reward(self, said: Said) -> Float[Tensor, " B"]:
        """beta x nats of the answer."""
        return self.beta * said.nats

    def losses(self, chosen: Said, rejected: Said) -> Float[Tensor, " B"]:
        """-log sigmoid(difference of rewards)."""
        return contrast(chosen.nats, rejected.nats, beta=self.beta, gamma=0.0)


class Trainer(PairTrainer):
    """Names the random streams."""

    method = "cpo"
