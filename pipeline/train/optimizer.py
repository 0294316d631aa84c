"""Which optimizer moves which weight: Muon the named matrices, AdamW all the rest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.train.checkpoint import below, prefixed
from pipeline.train.muon import Muon, MuonSettings
from pipeline.train.recipe import Share


@dataclass(frozen=True, kw_only=True)
class AdamWSettings:
    """Loshchilov and Hutter 2019."""

    lr: PositiveFloat
    beta1: Share
    beta2: Share
    weight_decay: NonNegativeFloat  # of weights with two dimensions or more


class AdamW:
    """torch's fused AdamW with a state that has names."""

    def __init__(self, parameters: Mapping[str, Tensor], settings: AdamWSettings) -> None:
        self._parameters = parameters
        self._lr = settings.lr
        decayed = [one for one in parameters.values() if one.ndim >= 2]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}] * bool(decayed)
        if rest := [one for one in parameters.values() if one.ndim < 2]:
            groups.append({"params": rest, "weight_decay": 0.0})
        self._inner = torch.optim.AdamW(groups, lr=settings.lr, betas=(settings.beta1, settings.beta2), fused=True)

    def step(self, factor: float) -> None:
        """One step at `factor` times the learning rate."""
        for group in self._inner.param_groups:
            group["lr"] = self._lr * factor
        self._inner.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state by name; empty before the first step."""
        return {f"{name}.{key}": value for name, one in self._parameters.items() for key, value in self._inner.state[one].items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        for name, one in self._parameters.items():
            own: dict[str, Any] = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
            self._inner.state[one] = {key: value.to(one.device) for key, value in own.items()}


class Optimizers:
    """All optimizers of a module as one."""

    def __init__(self, module: nn.Module, matrices: Collection[str], adamw: AdamWSettings, muon: MuonSettings | None) -> None:
        named = dict(module.named_parameters())
        if unknown := sorted(set(matrices) - set(named)):
            raise PipelineError(f"the module has no weights {', '.join(unknown)}", mend="name its own parameters as matrices")
        chosen = [name for name in named if name in set(matrices)] if muon else []
        rest = {name: weight for name, weight in named.items() if name not in chosen}
        self._parts: dict[str, AdamW | Muon] = {"adamw": AdamW(rest, adamw)}
        if muon:
            self._parts["muon"] = Muon([named[name] for name in chosen], muon)

    def step(self, factor: float) -> None:
        """One step of each at `factor` times its learning rate."""
        for part in self._parts.values():
            part.step(factor)

    def tensors(self) -> dict[str, Tensor]:
        """The state by name."""
        return {name: value for prefix, part in self._parts.items() for name, value in prefixed(prefix, part.tensors()).items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what tensors() gave."""
        for prefix, part in self._parts.items():
            part.load(below(prefix, tensors))
