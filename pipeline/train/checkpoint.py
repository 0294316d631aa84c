"""Work in progress that survives: whole checkpoints or none, the newest that verifies is taken."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipeline.core import manifest
from pipeline.core.errors import ArtifactError
from pipeline.core.files import draft_folder, read_json, write_text
from pipeline.core.owned import remove_folder
from pipeline.train.sharding import cut, joined, put

KEPT = 2  # checkpoints: the newest, and one to fall back on


class Checkpoints:
    """Checkpoints of one piece of work, in a folder of their own, one every `every` steps.

    Tensors are kept as safetensors and the rest as JSON; a manifest with the SHA-256 of both is written last.
    """

    def __init__(self, folder: Path, every: int, *, most: int | None = KEPT) -> None:
        self.folder = folder
        self.every = every
        self._most = most  # None: all stay

    def due(self, step: int) -> bool:
        """Whether a checkpoint belongs after this many steps."""
        return step % self.every == 0

    def save(self, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep the state after `step` steps. A kill at any moment leaves the older checkpoints as they were."""
        with draft_folder(self.folder / f"step-{step:09d}") as draft:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft / "tensors.safetensors")
            write_text(draft / "state.json", json.dumps(dict(state), allow_nan=False))  # keys keep their order: the columns of a curve do
            manifest.seal(draft, "checkpoint", {"step": step})
        for old in self._newest_first()[self._most :] if self._most is not None else ():
            remove_folder(old)

    def latest(self) -> tuple[int, dict[str, Tensor], dict[str, Any]] | None:
        """Step, tensors (on the CPU) and state of the newest checkpoint whose bytes are those that were written; None without one.

        The tensors are copies: those of a mapped file lie at odd addresses, which leads to other last bits.
        """
        for folder in self._newest_first():
            try:
                return _read(folder, mend="")
            except ArtifactError:
                continue  # damaged: an older one still tells the truth
        return None

    def all(self, *, mend: str) -> Iterator[tuple[int, dict[str, Tensor], dict[str, Any]]]:
        """The same of every checkpoint, the oldest first. ArtifactError at a damaged one."""
        for folder in reversed(self._newest_first()):
            yield _read(folder, mend=mend)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True)


def _read(folder: Path, *, mend: str) -> tuple[int, dict[str, Tensor], dict[str, Any]]:
    step = manifest.check(folder, "checkpoint", mend=mend).facts["step"]
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "tensors.safetensors").items()}
    return int(step), tensors, read_json(folder / "state.json")


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and kept buffers by name; a tied one once."""
    kept = module.state_dict()
    return dict(module.named_parameters()) | {name: buffer for name, buffer in module.named_buffers() if name in kept}


def copy_of_weights(module: nn.Module) -> dict[str, Tensor]:
    """The same, in memory of their own."""
    return {name: weight.detach().clone() for name, weight in weights_of(module).items()}


def beside_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors by the names of weights, each on the device of its weight, and in parts where that is."""
    own = weights_of(module)
    return {name: joined(cut(tensor.to(own[name].device), own[name]), own[name]) for name, tensor in tensors.items()}


@torch.no_grad()
def load_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what weights_of gave, into the module's own memory. KeyError when a name is missing."""
    for name, weight in weights_of(module).items():
        put(weight, tensors[name])


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under prefix/name."""
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those that prefixed() put under the prefix, by their own names."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
