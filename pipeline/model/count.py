"""How large a model is and what a token of it costs."""

from torch import Tensor, nn
from transformers import PreTrainedModel


def parameters(module: nn.Module) -> int:
    """Trainable numbers; a tied head counts once."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def training_flops(module: PreTrainedModel, *, length: int) -> int:
    """Floating point operations to train on one token, forward and backward, in rows of `length` tokens.

    6 a weight of each matrix that a token meets, the head among them, and 12 x layers x width x length for attention
    (Chowdhery et al. 2022, PaLM, appendix B). An embedding is looked up, not multiplied.
    """
    inside = set(matrices(module))
    body = sum(weight.numel() for name, weight in module.named_parameters() if name in inside)
    attention = 12 * int(module.config.num_hidden_layers) * int(module.config.hidden_size) * length
    return 6 * (body + _head(module).numel()) + attention


def matrices(module: PreTrainedModel) -> list[str]:
    """The names of the weight matrices inside the layers: neither embedding nor head nor norm."""
    outside = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    outside.add(id(_head(module)))
    return [name for name, weight in module.named_parameters() if weight.ndim == 2 and id(weight) not in outside]


def _head(module: PreTrainedModel) -> Tensor:
    weight: Tensor = module.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    return weight
