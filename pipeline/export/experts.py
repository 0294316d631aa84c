"""Mixtral's experts, one linear layer a matrix: rounding, GPTQ and their measures know linear layers and nothing else."""

import copy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

# batch B, time T, width D, experts E, chosen ones K


def opened(module: PreTrainedModel) -> PreTrainedModel:
    """A copy whose experts are linear layers, `mlp.experts.0.gate_proj` and so on; a module without experts as it is."""
    if not any(isinstance(part, MixtralSparseMoeBlock) for part in module.modules()):
        return module
    module = copy.deepcopy(module)
    module.config.output_router_logits = False  # which are asked of a router that is no longer there
    for part in [*module.modules()]:
        for name, child in part.named_children():
            if isinstance(child, MixtralSparseMoeBlock):
                setattr(part, name, _Experts(child))
    return module


class _Experts(nn.Module):
    """All experts read all tokens; those that the router gives to others are zeros, so that no inputs count but an expert's own."""

    def __init__(self, block: MixtralSparseMoeBlock) -> None:
        super().__init__()
        self.chosen = block.top_k
        self.gate = _linear(block.gate.weight)
        experts = block.experts
        self.experts = nn.ModuleList(
            _Expert(both, down, experts.act_fn) for both, down in zip(experts.gate_up_proj, experts.down_proj, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        best, places = self.gate(x).softmax(dim=-1).topk(self.chosen, dim=-1)  # [B, T, K]
        shares = torch.zeros(*x.shape[:-1], len(self.experts)).scatter(-1, places, best / best.sum(dim=-1, keepdim=True))
        picked = torch.zeros_like(shares).scatter(-1, places, 1.0)
        read = ((expert(x * picked[..., [number]]), shares[..., [number]]) for number, expert in enumerate(self.experts))
        return torch.stack([found * share for found, share in read]).sum(dim=0)


class _Expert(nn.Module):
    def __init__(self, both: Tensor, down: Tensor, activation: nn.Module) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = map(_linear, both.chunk(2))
        self.down_proj = _linear(down)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))
        return found


def _linear(weight: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight.detach().clone()
    return layer
