"""Another base of RoPE for a module that has learned with one: the first step to a longer context (Xiong et al. 2023)."""

from typing import Any

import torch
from torch import nn

from pipeline.core.errors import PipelineError


def refuse_without_rope(module: nn.Module) -> None:
    """PipelineError for a kind that has no RoPE, or computes its own."""
    own: Any = module
    if not _parts(module):
        message = f"a model of type {own.config.model_type} has no RoPE whose base a phase could change"
        raise PipelineError(message, mend="schedule=default, or a file of conf/schedule without rope_theta")


@torch.no_grad()
def rebase(module: nn.Module, theta: float) -> None:
    """Set rope_theta in the module and in its configuration. PipelineError for a kind without RoPE."""
    own: Any = module
    refuse_without_rope(module)
    own.config.rope_parameters = dict(own.config.rope_parameters) | {"rope_theta": theta}
    for part in _parts(module):
        part.config = own.config
        fresh = type(part)(config=own.config)
        part.inv_freq.copy_(fresh.inv_freq)
        part.original_inv_freq.copy_(fresh.inv_freq)


def _parts(module: nn.Module) -> list[Any]:
    return [part for part in module.modules() if hasattr(part, "inv_freq") and hasattr(part, "config")]
