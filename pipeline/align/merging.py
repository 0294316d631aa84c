"""Several models of one shape as one, without training: means of their weights, or of what each has learned since a base.

linear: Wortsman et al. 2022, "Model soups", arXiv 2203.05482. slerp: Shoemake 1985. ties: Yadav et al. 2023, arXiv 2306.01708.
dare_linear: Yu et al. 2024, "Language Models are Super Mario", arXiv 2311.03099. Names and meanings are mergekit's, with weights that are
divided by their sum.

models M, numbers N of one weight
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.bounds import PositiveFraction
from pipeline.core.errors import PipelineError
from pipeline.core.seed import Seed, seed_of
from pipeline.model import disk
from pipeline.model.score import answer_logprobs
from pipeline.tokens.dialogues import Pair
from pipeline.train.checkpoint import copy_of_weights, load_weights

Kind = Literal["linear", "slerp", "ties", "dare_linear"]
Weights = Mapping[str, Tensor]
COLINEAR = 1e-6  # from one or minus one: two directions between which no arc is


@dataclass(frozen=True, kw_only=True)
class Merge:
    """How models become one."""

    kind: Kind
    weights: list[NonNegativeFloat]  # of each model; only their ratios count
    density: PositiveFraction  # of ties, dare_linear: share of what a model has learned that stays
    scale: PositiveFloat  # of ties, dare_linear: times what was learned
    seed: Seed  # of dare_linear

    def __post_init__(self) -> None:
        if len(self.weights) < 2:
            raise ValueError("a merge takes two models or more, and a weight for each")
        if not sum(self.weights):
            raise ValueError("the weights are all 0")
        if self.kind == "slerp" and len(self.weights) != 2:
            raise ValueError(f"slerp goes from one model to another, and there are {len(self.weights)}; kind=linear takes more")

    @property
    def shares(self) -> list[float]:
        """The weights, of sum 1."""
        return [weight / sum(self.weights) for weight in self.weights]

    def merged(self, base: Weights, models: Sequence[Weights]) -> dict[str, Tensor]:
        """The weights of the merge, by name. `base` is what the models were made from. PipelineError where shapes differ."""
        for number, model in enumerate(models, 1):
            if odd := [name for name in {*base, *model} if name not in base or name not in model or base[name].shape != model[name].shape]:
                message = f"model {number} of the merge has not the shape of the base: {', '.join(sorted(odd)[:3])}"
                raise PipelineError(message, mend="models of one shape, made from the same base")
        return {name: self._one(name, held, [model[name] for model in models]) for name, held in base.items()}

    def _one(self, name: str, base: Tensor, models: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack([model.flatten() for model in models])
        shares = torch.tensor(self.shares, dtype=stacked.dtype)
        if self.kind == "linear":
            return _mean(stacked, shares).view_as(base)
        if self.kind == "slerp":
            return slerp(stacked[0], stacked[1], self.shares[1]).view_as(base)
        learned = stacked - base.flatten()
        if self.kind == "ties":
            moved = ties(learned, shares, density=self.density)
        else:
            moved = dare_linear(learned, shares, density=self.density, seed=seed_of(self.seed, "dare", name))
        return base + self.scale * moved.view_as(base)


def slerp(first: Float[Tensor, " N"], second: Float[Tensor, " N"], share: float) -> Float[Tensor, " N"]:
    """The point at this share of the way from the first to the second, along an arc: the angles between are as the shares.

    Along the line where they have no angle between them.
    """
    cosine = torch.nn.functional.cosine_similarity(first.double(), second.double(), dim=0, eps=0.0)
    if not cosine.isfinite() or 1 - cosine.abs() < COLINEAR:
        return torch.lerp(first, second, share)
    angle = cosine.arccos()
    parts = [(angle * part).sin() / angle.sin() for part in (1 - share, share)]
    return (parts[0] * first.double() + parts[1] * second.double()).to(first.dtype)


def ties(learned: Float[Tensor, "M N"], shares: Float[Tensor, " M"], *, density: float) -> Float[Tensor, " N"]:
    """Trim to the largest, elect a sign, and take the mean of those that agree with it (algorithm 1); 0 where none moved."""
    kept = max(1, round(density * learned.shape[1]))
    least = learned.abs().kthvalue(learned.shape[1] - kept + 1, dim=1, keepdim=True).values
    trimmed = learned.masked_fill(learned.abs() < least, 0.0)
    weighed = trimmed * shares[:, None]
    agrees = (trimmed.sign() == weighed.sum(0).sign()) & (trimmed != 0)
    total = (agrees * shares[:, None]).sum(0)
    return torch.where(total > 0, (weighed * agrees).sum(0) / total.clamp(min=torch.finfo(learned.dtype).tiny), 0.0)


def dare_linear(learned: Float[Tensor, "M N"], shares: Float[Tensor, " M"], *, density: float, seed: int) -> Float[Tensor, " N"]:
    """Each number stays with the probability `density`, and counts 1 / density times: the mean is kept."""
    stays = torch.rand(learned.shape, generator=torch.Generator().manual_seed(seed)) < density
    return _mean(learned * stays / density, shares)


def _mean(values: Float[Tensor, "M N"], shares: Float[Tensor, " M"]) -> Float[Tensor, " N"]:
    return (values * shares[:, None]).sum(0)


def learned_apart(base: Weights, models: Sequence[Weights]) -> dict[str, float | list[float]]:
    """How far each model is from the base, as a share of its weights' norm; and of what two of them have learned, the least cosine and the
    greatest share of numbers that they moved in opposite directions. A cosine is 0 where one has learned nothing."""
    products = torch.zeros(len(models), len(models), dtype=torch.float64)
    against, whole, count = torch.zeros_like(products), 0.0, 0
    for name, held in base.items():
        moved = torch.stack([(model[name] - held).flatten().double() for model in models])
        products += moved @ moved.T
        against += torch.stack([((moved * one) < 0).sum(1) for one in moved])
        whole, count = whole + held.double().square().sum().item(), count + held.numel()
    norms = products.diagonal().sqrt()
    cosines = products / (norms[:, None] * norms).clamp(min=torch.finfo(torch.float64).tiny)
    apart = torch.triu_indices(len(models), len(models), 1).unbind()
    return {
        "distances": (norms / whole**0.5).tolist(),
        "cosine": cosines[apart].min().item(),
        "conflicts": (against[apart].max() / count).item(),
    }


@torch.no_grad()
def join(source: Model, models: Sequence[Model], how: Merge) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The merge as a module, and what the models have learned apart from each other. PipelineError where they don't go together."""
    disk.same_tokenizer(source, *models)
    module = disk.load(source, device="cpu")
    base, others = copy_of_weights(module), [copy_of_weights(disk.load(model, device="cpu")) for model in models]
    load_weights(module, how.merged(base, others))
    return module, learned_apart(base, others)


def nats_a_token(module: PreTrainedModel, pairs: Sequence[Pair], *, batch: int) -> float | None:
    """What the better answers cost a model; None without any."""
    tokens = sum(len(pair.chosen) for pair in pairs)
    return -answer_logprobs(module, [(pair.prompt, pair.chosen) for pair in pairs], batch=batch).sum().item() / tokens if tokens else None
