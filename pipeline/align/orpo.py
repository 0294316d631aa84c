"""Fine-tuning and preference in one loss: the odds of the chosen answer against those of the rejected.

Hong et al. 2024, "ORPO: Monolithic Preference Optimization without Reference Model", arXiv 2403.07691.
"""

from dataclasses import dataclass

from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor

from pipeline.align.direct import PairTrainer, ReferenceFree, Said
from pipeline.align.preference_losses import odds_ratio


@dataclass(frozen=True, kw_only=True)
class OddsRatio(ReferenceFree):
    """What the method adds."""

    odds_weight: PositiveFloat  # of the odds ratio beside the sft term: lambda of the paper

    def reward(self, said: Said) -> Float[Tensor, " B"]:
        """Nats a token."""
        return said.mean

    def losses(self, chosen: Said, rejected: Said) -> Float[Tensor, " B"]:
        """lambda x L_OR."""
        return self.odds_weight * odds_ratio(chosen.mean, rejected.mean)


class Trainer(PairTrainer):
    """Names the random streams."""

    method = "orpo"
