"""Weights from along the way, which are published beside the last ones."""

import copy
from collections.abc import Iterator
from typing import TypeVar

from torch import nn

from pipeline.train import ranks
from pipeline.train.checkpoint import Checkpoints, load_weights, weights_of
from pipeline.train.sharding import gathered
from pipeline.train.workspace import Workspace

M = TypeVar("M", bound=nn.Module)


def steps_kept(number: int, *, steps: int) -> frozenset[int]:
    """After which steps: the ends of `number` + 1 equal parts of the training, but the last."""
    return frozenset(round(steps * part / (number + 1)) for part in range(1, number + 1)) - {0, steps}


def keep(workspace: Workspace, module: nn.Module, *, step: int) -> None:
    """Write the module's weights after so many steps into scratch; all ranks call it, the first one writes."""
    weights = gathered(weights_of(module))
    if ranks.rank() == 0:
        _in(workspace).save(step, weights, {})


def kept(workspace: Workspace, module: M) -> Iterator[tuple[int, M]]:
    """Steps and module of all that was kept, in their order, each a copy of the given one with other weights."""
    again = f"rm -r {workspace.scratch}, then .venv/bin/dvc repro {workspace.section}"  # its steps are past: they can only be taken anew
    for step, weights, _ in _in(workspace).all(mend=again):
        earlier = copy.deepcopy(module)
        load_weights(earlier, weights)
        yield step, earlier


def _in(workspace: Workspace) -> Checkpoints:
    return Checkpoints(workspace.scratch / "kept", 1, most=None)
