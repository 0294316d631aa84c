"""Weights from along the way, which are published beside the last ones."""

import copy
from collections.abc import Iterator
from typing import TypeVar

from safetensors.torch import load_file, save_file
from torch import nn

from pipeline.core import manifest
from pipeline.core.files import draft_folder
from pipeline.train import ranks
from pipeline.train.checkpoint import load_weights, weights_of
from pipeline.train.sharding import gathered
from pipeline.train.workspace import Workspace

M = TypeVar("M", bound=nn.Module)
FOLDER, FILE, KIND = "kept", "weights.safetensors", "kept weights"


def steps_kept(number: int, *, steps: int) -> frozenset[int]:
    """After which steps: the ends of `number` + 1 equal parts of the training, but the last."""
    return frozenset(round(steps * part / (number + 1)) for part in range(1, number + 1)) - {0, steps}


def keep(workspace: Workspace, module: nn.Module, *, step: int) -> None:
    """Write the module's weights after so many steps into scratch; all ranks call it, the first one writes."""
    weights = gathered(weights_of(module))
    if ranks.rank():
        return
    with draft_folder(workspace.scratch / FOLDER / f"step-{step:09d}") as draft:
        save_file({name: weight.detach().cpu().contiguous() for name, weight in weights.items()}, draft / FILE)
        manifest.seal(draft, KIND, {"step": step})


def kept(workspace: Workspace, module: M) -> Iterator[tuple[int, M]]:
    """Steps and module of all that was kept, in their order, each a copy of the given one with other weights."""
    for one in sorted((workspace.scratch / FOLDER).glob("step-*")):
        again = f"rm -r {workspace.scratch}, then dvc repro {workspace.section}"  # its steps are past: they can only be taken anew
        step = int(manifest.check(one, KIND, mend=again).facts["step"])
        earlier = copy.deepcopy(module)
        load_weights(earlier, load_file(one / FILE, device=workspace.device))
        yield step, earlier
