"""Rows of ids of different length as one tensor."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def left_padded(rows: Sequence[Sequence[int]], *, fill: int, device: str) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """The rows, filled up at the left to the longest, and 1 where a token stands."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*[fill] * (longest - len(row)), *row] for row in rows], device=device)
    seen = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, seen


def right_padded(rows: Sequence[Sequence[int]], *, fill: int, device: str) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """The rows, filled up at the right to the longest, and where they are real."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows], device=device)
    real = torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in rows], device=device)
    return ids, real
