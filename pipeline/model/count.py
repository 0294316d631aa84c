"""How large a model is and what a token of it costs. A module without numbers (build.blank) is counted as well as a built one."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from pipeline.model.shapes import kind_of

FP32 = 4  # bytes
PARTS = {  # of a layer, by the modules' names in transformers
    "attention": ("self_attn", "attn", "self_attention", "SelfAttention", "EncDecAttention"),
    "feed_forward": ("mlp", "feed_forward", "DenseReluDense"),
    "state_space": ("mixer", "mamba"),
    "recurrence": ("recurrence",),
    "convolution": ("convolution",),
}


@dataclass(frozen=True)
class State:
    """Bytes of what a step of training keeps: fp32 weights, their gradients, the moments of the optimizer."""

    weights: int
    gradients: int
    moments: int

    @property
    def total(self) -> int:
        """All three."""
        return self.weights + self.gradients + self.moments


def size(module: PreTrainedModel, *, length: int) -> dict[str, Any]:
    """What the metrics tell of it: parameters, in all and by part, and operations a token in rows of `length` tokens."""
    return {
        "parameters": parameters(module),
        "parameters_by_part": parameters_by_part(module),
        "training_flops_per_token": training_flops(module, length=length),
    }


def parameters(module: nn.Module) -> int:
    """Trainable numbers; a tied head counts once."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def parameters_by_part(module: PreTrainedModel) -> dict[str, int]:
    """Trainable numbers of embedding (positions too), attention, feed_forward, state_space, recurrence, convolution, norms and head, those
    that there are."""
    found: dict[str, int] = {}
    for name, weight in module.named_parameters():
        part = _part(module, name, weight)
        found[part] = found.get(part, 0) + weight.numel()
    return found


def training_flops(module: PreTrainedModel, *, length: int) -> int:
    """Floating point operations to train on one token, forward and backward, in rows of `length` tokens.

    6 a weight of each matrix that a token meets, the head among them, experts as far as a token meets them, and what its kind
    says of attention or state. An embedding is looked up, not multiplied.
    """
    head = _head(module)
    inside = [(name, weight) for name, weight in multiplied(module) if weight is not head]
    body = sum(weight.numel() * share_met(module.config, name) for name, weight in inside)
    return round(6 * (body + (0 if head is None else head.numel()))) + kind_of(module.config).mixing_flops(module.config, length=length)


def matrices(module: PreTrainedModel) -> list[str]:
    """The names of the weight matrices inside the layers: neither embedding nor head nor norm.

    Experts, which are stored as one tensor with three dimensions, and convolutions are none: they are AdamW's. The router is one.
    """
    head = _head(module)
    return [name for name, weight in multiplied(module) if weight.ndim == 2 and weight is not head]


def multiplied(module: nn.Module) -> list[tuple[str, Tensor]]:
    """The weights of two dimensions or more that a token meets in a product, with their names: all but what is looked up."""
    looked_up = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    return [(name, weight) for name, weight in module.named_parameters() if weight.ndim >= 2 and id(weight) not in looked_up]


def state(module: PreTrainedModel, *, muon: bool) -> State:
    """What a step keeps: AdamW has two moments of each weight, Muon one of each of its matrices."""
    weights = parameters(module)
    own = set(matrices(module)) if muon else set()
    one_moment = sum(weight.numel() for name, weight in module.named_parameters() if name in own)
    return State(FP32 * weights, FP32 * weights, FP32 * (2 * weights - one_moment))


def share_met(config: PretrainedConfig, name: str) -> float:
    """The share of a weight that one token meets: some of the experts, all of anything else."""
    return float(config.num_experts_per_tok / config.num_local_experts) if ".experts." in name else 1.0


def _part(module: PreTrainedModel, name: str, weight: Tensor) -> str:
    words = name.split(".")
    owner = module.get_submodule(".".join(words[:-1]))
    if isinstance(owner, nn.Embedding):
        return "embedding"
    if weight is _head(module):
        return "head"
    if any(word.startswith("ln_") or "norm" in word for word in words):
        return "norms"
    return next(part for part, names in PARTS.items() if set(words) & set(names))


def _head(module: PreTrainedModel) -> Tensor | None:
    """The output matrix; None of a module that only reads."""
    head = module.get_output_embeddings()  # type: ignore[no-untyped-call]
    weight: Tensor | None = None if head is None else head.weight
    return weight
