"""The arithmetic of methods that compare several answers to one prompt: pure functions of tensors.

GRPO: Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300. Dr. GRPO: Liu et al. 2025, "Understanding R1-Zero-Like Training", arXiv
2503.20783. DAPO: Yu et al. 2025, arXiv 2503.14476. RLOO: Ahmadian et al. 2024, "Back to Basics", arXiv 2402.14740.

Legend: groups G, answers a group K, answers B, time T. Log-probabilities in nats. `mask` is true at the tokens of the answers; what stands
elsewhere never changes a result.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Advantage = Literal["group", "centered", "leave_one_out"]
Loss = Literal["grpo", "bnpo", "dapo", "dr_grpo"]
_TINY = 1e-4  # beside a deviation, as in the paper's code: a group that hardly differs is not blown up
SAME = 1e-6  # scores that differ by less are equal


def spread(scores: Float[Tensor, "G K"]) -> Bool[Tensor, " G"]:
    """Whether the answers of a group were worth something different: equal ones teach nothing."""
    return scores.amax(dim=1) - scores.amin(dim=1) > SAME


def centered(scores: Float[Tensor, "G K"]) -> Float[Tensor, "G K"]:
    """Above the mean of the group (Dr. GRPO)."""
    return scores - scores.mean(dim=1, keepdim=True)


def by_deviation(scores: Float[Tensor, "G K"]) -> Float[Tensor, "G K"]:
    """Above the mean, in deviations of the group (GRPO); 0 where all are equal."""
    return centered(scores) / (scores.std(dim=1, keepdim=True) + _TINY) * spread(scores)[:, None]


def leave_one_out(scores: Float[Tensor, "G K"]) -> Float[Tensor, "G K"]:
    """Above the mean of the others (RLOO, eq. 7)."""
    others = scores.shape[1] - 1
    return scores - (scores.sum(dim=1, keepdim=True) - scores) / others


ADVANTAGES: dict[Advantage, Callable[[Tensor], Tensor]] = {"group": by_deviation, "centered": centered, "leave_one_out": leave_one_out}


def token_weights(mask: Bool[Tensor, "B T"], loss: Loss, *, mean_tokens: float, most_tokens: int) -> Float[Tensor, "B T"]:
    """What each token counts in the loss of an update of B answers.

    grpo     the mean over the tokens of an answer, then over answers: a token of a long answer counts less
    bnpo     the mean over all tokens of the update
    dapo     likewise, over the tokens that as many answers of the whole step have on average (`mean_tokens` each)
    dr_grpo  the sum over tokens by a constant, B x `most_tokens`: length has no say
    """
    answers, tokens = mask.shape[0], mask.sum(dim=1, keepdim=True)
    divisors = {
        "grpo": answers * tokens,
        "bnpo": tokens.sum().expand_as(tokens),
        "dapo": torch.full_like(tokens, 1) * (answers * mean_tokens),
        "dr_grpo": torch.full_like(tokens, answers * most_tokens),
    }
    return mask / divisors[loss]


def surrogate(
    logprobs: Float[Tensor, "B T"],
    old: Float[Tensor, "B T"],
    advantages: Float[Tensor, " B"],
    mask: Bool[Tensor, "B T"],
    *,
    clip: tuple[float, float],
) -> tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """-min(A x ratio, A x clipped ratio) of each token, and where the clip bites; the bounds are 1 - low and 1 + high (DAPO, eq. 10)."""
    low, high = clip
    ratio = (logprobs - old).masked_fill(~mask, 0.0).exp()
    worth = advantages[:, None]
    free, bound = -worth * ratio, -worth * ratio.clamp(1 - low, 1 + high)
    return torch.maximum(free, bound).masked_fill(~mask, 0.0), (bound > free) & mask


def distance(logprobs: Float[Tensor, "B T"], reference: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """KL from the reference at each token as its estimate k3, never below 0 (Schulman 2020, "Approximating KL Divergence"; GRPO, eq. 4)."""
    apart = (reference - logprobs).masked_fill(~mask, 0.0)
    return apart.exp() - apart - 1
