"""What good and bad answers teach: pure functions of log-probabilities.

Legend: answers B, heads H. Log-probabilities are in nats, of an answer with its end, given its prompt: its sum, or its mean a token.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

_ALMOST_SURE = -1e-6  # nats: the odds of what is certain are infinite


def bradley_terry(
    chosen: Float[Tensor, "B H"], rejected: Float[Tensor, "B H"], *, margin: Float[Tensor, "B 1"], weight: Float[Tensor, "B H"]
) -> Float[Tensor, "B H"]:
    """-log sigmoid(chosen - rejected - margin) of scores (Bradley and Terry 1952; the margin: Touvron et al. 2023, Llama 2, eq. 2), each
    times its weight."""
    return -weight * logsigmoid(chosen - rejected - margin)


def contrast(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], *, beta: float, gamma: float) -> Float[Tensor, " B"]:
    """-log sigmoid(beta x (chosen - rejected) - gamma).

    Sums and no gamma: CPO (Xu et al. 2024, eq. 3). Means a token, and a margin gamma: SimPO (Meng et al. 2024, eq. 6).
    """
    return -logsigmoid(beta * (chosen - rejected) - gamma)


def log_odds(mean: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """log(p / (1 - p)) of the geometric mean p of an answer's tokens (Hong et al. 2024, eq. 4)."""
    mean = mean.clamp(max=_ALMOST_SURE)
    near = mean > -math.log(2)  # two forms of log(1 - e^x), each exact on its side (Maechler 2012)
    tail = torch.where(near, torch.log(-torch.expm1(mean)), torch.log1p(-torch.exp(mean)))
    return mean - tail


def odds_ratio(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """-log sigmoid of the log odds ratio, of mean log-probabilities: ORPO's L_OR (Hong et al. 2024, eq. 7)."""
    return -logsigmoid(log_odds(chosen) - log_odds(rejected))


def kto(
    log_ratio: Float[Tensor, " B"], good: Bool[Tensor, " B"], kl: Float[Tensor, ""], *, beta: float, desirable: float, undesirable: float
) -> Float[Tensor, " B"]:
    """One minus the value of each answer, weighed by what it is (Ethayarajh et al. 2024, eq. 8).

    `log_ratio` is log(policy / reference), `kl` the point of reference: it carries no gradient and is not below 0.
    """
    gain = beta * torch.where(good, log_ratio - kl, kl - log_ratio)
    return torch.where(good, desirable, undesirable) * (1 - torch.sigmoid(gain))
