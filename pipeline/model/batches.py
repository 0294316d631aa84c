"""Rows of ids of different length as one tensor."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

AT_ONCE = {"cpu": 1024}  # tokens; more leave the second cache (2 MB): 512 to 1024 were fastest of 128 to 8192
AT_ONCE_ELSEWHERE = 65_536


def of_like_lengths(lengths: Sequence[int], *, rows: int, device: str) -> Iterator[list[int]]:
    """Numbers of rows to be read together: the shortest first, at most `rows` of them, and as few as a device's cache asks for."""
    batch, most = list[int](), AT_ONCE.get(device, AT_ONCE_ELSEWHERE)
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == rows or (len(batch) + 1) * lengths[number] > most):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


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
