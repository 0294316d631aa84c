"""Several processes that take each step together: every rank has a share of the rows of each step, and all weights or parts of them.

Gradients are summed over the ranks and divided once, so all ranks step alike; the first one writes. Without torch.distributed there is one.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

T = TypeVar("T")


def world() -> int:
    """How many there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which one this is, from 0."""
    return dist.get_rank() if world() > 1 else 0


def share(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """This rank's part of the rows of a step; all parts together are the rows in their order."""
    return np.split(numbers, world())[rank()]


def summed(loss: Tensor, count: int, weights: Sequence[Tensor]) -> tuple[float, int]:
    """The loss and the predictions of all ranks; the gradients of the weights become their sums, also where one rank alone has any."""
    if world() == 1:
        return float(loss), count
    figures = torch.stack([loss.double(), torch.tensor(count, dtype=torch.float64, device=loss.device)])
    dist.all_reduce(figures)
    weights = [one for one in weights if not isinstance(one, DTensor)]  # gradients in parts are sums already
    if not weights:
        return float(figures[0]), int(figures[1])
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
    flat = torch.cat([one.flatten() for one in gradients])
    dist.all_reduce(flat)
    parts = torch.split(flat, [one.numel() for one in gradients])
    for weight, part in zip(weights, parts, strict=True):
        weight.grad = part.view_as(weight)
    return float(figures[0]), int(figures[1])


def any_of(asked: bool, device: str) -> bool:
    """Whether any rank says so."""
    if world() == 1:
        return asked
    said = torch.tensor(float(asked), device=device)
    dist.all_reduce(said)
    return bool(said)


def of_first(value: T, device: str) -> T:
    """What the first rank has, on all of them."""
    if world() == 1:
        return value
    told = [value]
    dist.broadcast_object_list(told, src=0, device=torch.device(device))
    return told[0]
