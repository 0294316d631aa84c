"""A module as it learns: in parts over the ranks, with activations that are computed again, with products in fp8."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from pipeline.core.errors import PipelineError
from pipeline.train import fp8, ranks
from pipeline.train.checkpoint import weights_of
from pipeline.train.precision import Precision
from pipeline.train.sharding import put, sharded, whole
from pipeline.train.workspace import Workspace


@contextmanager
def learning(
    module: nn.Module, matrices: Collection[str], workspace: Workspace, *, precision: Precision, recompute: bool
) -> Iterator[nn.Module]:
    """The module to teach; at the end the given one has its weights. `matrices` names those that fp8 is for."""
    in_parts = workspace.parallel == "fsdp" and ranks.world() > 1
    own = sharded(module, workspace.device) if in_parts else module
    with _recomputing(own, workspace) if recompute else nullcontext(), fp8.products(own, matrices if precision == "fp8" else ()):
        yield own
    if in_parts:
        module.to(workspace.device)
        learned = weights_of(own)
        for name, weight in weights_of(module).items():
            put(weight, whole(learned[name]))
        _take_over(module, own)


@torch.no_grad()
def _take_over(module: nn.Module, copy: nn.Module) -> None:
    """What else has changed in the copy: another base of RoPE is in buffers that are not kept and in the configuration."""
    buffers = dict(copy.named_buffers())
    for name, buffer in module.named_buffers():
        buffer.copy_(buffers[name])
    if hasattr(module, "config"):
        vars(module.config).update(vars(copy.config))


@contextmanager
def _recomputing(module: nn.Module, workspace: Workspace) -> Iterator[None]:
    """The module's own gradient checkpointing, while it learns. PipelineError where it has none."""
    if not hasattr(module, "activation_checkpointing_enable") or not getattr(module, "supports_gradient_checkpointing", False):
        message = f"{type(module).__name__} can't compute its activations again"
        raise PipelineError(message, mend=f"{workspace.section}.gradient_checkpointing=false")
    own: Any = module
    own.activation_checkpointing_enable({"use_reentrant": False})
    try:
        yield
    finally:
        own.activation_checkpointing_disable()
