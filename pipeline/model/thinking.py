"""A thinking budget: so many tokens between two that open and close a thought, then the closing one is written whatever was drawn.

Muennighoff et al. 2025, "s1: Simple test-time scaling", arXiv 2501.19393, section 3 (budget forcing, the maximum).

batch B
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from pipeline.tokens.thinking import Thinking


class Spent:
    """What the rows of a batch have thought so far; a prompt may end within a thought."""

    def __init__(self, thinking: Thinking, prompts: Sequence[Sequence[int]], *, device: torch.device) -> None:
        self._thinking = thinking
        self._open = torch.tensor([_ends_open(prompt, thinking) for prompt in prompts], device=device)
        self._tokens = torch.zeros(len(prompts), dtype=torch.long, device=device)

    def bound(self, rows: Int[Tensor, " B"], tokens: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
        """The tokens that were drawn for these prompts, or the closing one where the budget is spent."""
        opening, closing, budget = self._thinking.opening, self._thinking.closing, self._thinking.budget
        within = self._open[rows]
        tokens = torch.where(within & (self._tokens[rows] >= budget), closing, tokens)
        self._tokens[rows] += within & (tokens != closing)
        self._open[rows] = (within | (tokens == opening)) & (tokens != closing)
        return tokens


def _ends_open(prompt: Sequence[int], thinking: Thinking) -> bool:
    """Whether the last of the two tokens in a prompt opens."""
    last = next((token for token in reversed(prompt) if token in (thinking.opening, thinking.closing)), thinking.closing)
    return last == thinking.opening
