"""Learn from other models besides the text: the mean of their distributions is a soft label for each token.

Hinton et al. 2015 (arXiv 1503.02531); an ensemble of seeds as the teacher where text is short: Kim et al. 2025 (arXiv 2509.14786).

batch B, time T, vocabulary V; losses in nats
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from pydantic import NonNegativeInt, PositiveFloat
from torch import Tensor
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from pipeline.core.bounds import Fraction


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Teachers of the model's own shape, and how much they count."""

    teachers: NonNegativeInt  # models from seeds of their own; 0: none
    weight: Fraction  # of their distribution in the loss; the text has the rest
    temperature: PositiveFloat  # of both distributions


class Ensemble:
    """Several language models that foretell as one: the mean of their probabilities. It is read as one of them is, and never learns."""

    def __init__(self, members: Sequence[PreTrainedModel]) -> None:
        self.members = [member.eval() for member in members]

    def __getattr__(self, name: str) -> Any:
        """Configuration, device and shapes are those of any member."""
        return getattr(self.members[0], name)

    def __call__(self, **inputs: Any) -> CausalLMOutput:
        """As a member is called; the logits are log-probabilities."""
        return CausalLMOutput(logits=self.logprobs(inputs))

    @torch.no_grad()
    def logprobs(self, inputs: Mapping[str, Any], *, temperature: float = 1.0) -> Float[Tensor, "B T V"]:
        """The logarithm of the mean probability of each token of the vocabulary, each member's logits divided by the temperature."""
        total: Tensor | None = None  # one member's logits at a time
        for member in self.members:
            own = (member(**inputs).logits.float() / temperature).log_softmax(-1)
            total = own if total is None else torch.logaddexp(total, own)
        assert total is not None
        return total - math.log(len(self.members))


@dataclass(frozen=True)
class Soft:
    """What a module loses on the teachers' distributions."""

    teachers: Ensemble
    settings: Distillation

    def blended(
        self, nats: Tensor, logits: Float[Tensor, "B T V"], weights: Float[Tensor, "B T"], inputs: Mapping[str, Any]
    ) -> Float[Tensor, ""]:
        """(1 - weight) of the nats, and weight of KL(teachers || module) of these predictions, times the squared temperature.

        The square keeps the gradient's size where the temperature changes.
        """
        own = self.settings
        soft = self.teachers.logprobs(inputs, temperature=own.temperature)
        apart = (soft.exp() * (soft - (logits.float() / own.temperature).log_softmax(-1))).sum(-1)
        return (1 - own.weight) * nats + own.weight * own.temperature**2 * (apart * weights).sum()
