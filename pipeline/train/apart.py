"""Modules that are fitted one after another before the one that needs them, and kept in scratch until it is done."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from torch import nn

from pipeline.train import ranks
from pipeline.train.checkpoint import Checkpoints, load_weights, weights_of
from pipeline.train.workspace import Workspace

M = TypeVar("M", bound=nn.Module)
R = TypeVar("R")


def fitted_apart(recipes: Sequence[R], workspace: Workspace, make: Callable[[R], M], fit: Callable[[M, R, Workspace], object]) -> list[M]:
    """A module for each recipe, in eval mode on the workspace's device. `fit` trains one in place; one that a kill came after is read back.

    What passes while they learn is not tracked: their steps would be mixed with those of the module that they are for.
    """
    found = []
    for number, recipe in enumerate(recipes, 1):
        place = replace(workspace, scratch=workspace.scratch / f"apart-{number}", track=lambda step, values: None)
        whole, module = Checkpoints(place.scratch / "whole", 1), make(recipe).to(workspace.device)
        if (found_whole := whole.latest()) is not None:
            load_weights(module, found_whole[1])
        else:
            fit(module, recipe, place)
            if ranks.rank() == 0:
                whole.save(1, weights_of(module), {})
        found.append(module.eval())
    return found
