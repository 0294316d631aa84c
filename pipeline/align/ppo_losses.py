"""The arithmetic of PPO with a KL penalty: pure functions of tensors.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (the clipped objectives);
Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage Estimation";
Ziegler et al. 2019, "Fine-Tuning Language Models from Human Preferences" (KL in the reward, its controller).

Legend: batch B, time T, vocabulary V. Position t stands for the token that is written at t: its log-probability (nats),
the critic's value before it is written, the reward after it. `mask` is true at the tokens of the answer,
which lie in one unbroken run; what stands elsewhere never changes a result.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_TINY = 1e-8  # keeps the quotient finite when all advantages are equal


def masked_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    """The mean over the tokens of the answers. Padding may even hold NaN."""
    return values.masked_fill(~mask, 0.0).sum() / mask.sum()


def whiten(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Mean 0 and variance 1 over the tokens of the answers; 0 elsewhere."""
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask)
    return ((values - mean) / (variance.sqrt() + _TINY)).masked_fill(~mask, 0.0)


def scaled(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Deviation 1 over the tokens of the answers, the mean kept (Ziegler et al. 2019: whitened rewards); 0 elsewhere."""
    mean = masked_mean(values, mask)
    return (whiten(values, mask) + mean).masked_fill(~mask, 0.0)


def token_rewards(
    scores: Float[Tensor, " B"], kl: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, kl_coef: float
) -> Float[Tensor, "B T"]:
    """What each token earns: minus its share of the KL penalty, and at the last token of the answer the score (Ziegler et al., eq. 2)."""
    following = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], dim=1)
    last = mask & ~following
    return (-kl_coef * kl).masked_fill(~mask, 0.0) + last * scores.unsqueeze(1)


def gae(
    rewards: Float[Tensor, "B T"], values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, discount: float, smoothing: float
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """Advantages and returns by generalized advantage estimation; after the last token of an answer nothing more is earned."""
    values = values.masked_fill(~mask, 0.0)
    rewards = rewards.masked_fill(~mask, 0.0)
    advantages = torch.zeros_like(values)
    next_value = next_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        surprise = rewards[:, t] + discount * next_value - values[:, t]
        next_advantage = (surprise + discount * smoothing * next_advantage) * mask[:, t]
        advantages[:, t] = next_advantage
        next_value = values[:, t]
    return advantages, advantages + values


def policy_loss(
    logprobs: Float[Tensor, "B T"],
    old_logprobs: Float[Tensor, "B T"],
    advantages: Float[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
    *,
    clip: tuple[float, float],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The clipped surrogate (PPO, eq. 7), to be minimised, and the share of tokens at which the clip bites.

    The ratio is held between 1 - clip[0] and 1 + clip[1]; PPO's are alike, DAPO's upper one is wider (Yu et al. 2025).
    """
    ratio = (logprobs - old_logprobs).masked_fill(~mask, 0.0).exp()
    free, bound = -advantages * ratio, -advantages * ratio.clamp(1 - clip[0], 1 + clip[1])
    return masked_mean(torch.maximum(free, bound), mask), masked_mean((bound > free).float(), mask)


def value_loss(
    values: Float[Tensor, "B T"],
    old_values: Float[Tensor, "B T"],
    returns: Float[Tensor, "B T"],
    mask: Bool[Tensor, "B T"],
    *,
    clip: float | None,
) -> Float[Tensor, ""]:
    """Half the squared error of the critic, which gains nothing by moving further than `clip` from its old value, unless that is None."""
    if clip is None:
        return 0.5 * masked_mean((values - returns) ** 2, mask)
    near = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.maximum((values - returns) ** 2, (near - returns) ** 2), mask)


def entropy(logits: Float[Tensor, "*N V"]) -> Float[Tensor, "*N"]:
    """Of the next token's distribution, nats."""
    logprobs = logits.log_softmax(dim=-1)
    return -(logprobs.exp() * logprobs).sum(dim=-1)


def adapted_kl_coef(weight: float, kl: float, *, target: float, gain: float) -> float:
    """A proportional controller in log space (Ziegler et al., section 2.2): more penalty when KL (nats an answer) exceeds its target."""
    error = min(max(kl / target - 1.0, -0.2), 0.2)  # the paper's bound on one step's error
    return weight * (1.0 + gain * error)
