"""A shape becomes a transformers module with fresh weights.

The shape speaks the field's common words; its kind translates them for the family (kinds/).
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from pipeline.core.seed import seed_of
from pipeline.model.folder import has_model
from pipeline.model.kind import Kind
from pipeline.model.shapes import Shape, checked, config_of
from pipeline.tokens.special import END, ENDOFTEXT, ENDS, IDS, PAD

__all__ = ["Shape", "blank", "build", "configure"]


def build(shape: Mapping[str, Any], *, vocabulary: int, seed: int) -> PreTrainedModel:
    """A module of this shape, fp32, on the CPU; its weights depend on shape, vocabulary and seed, and no global stream is touched."""
    own = checked(shape)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(seed, "weights"))
        module: PreTrainedModel = AutoModelForCausalLM.from_config(planned(own, vocabulary=vocabulary), dtype=torch.float32)  # type: ignore[no-untyped-call]
    return completed(module, own)


def blank(shape: Mapping[str, Any], *, vocabulary: int) -> PreTrainedModel:
    """The same module without numbers: it can be counted before there is memory for it."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        module: PreTrainedModel = AutoModelForCausalLM.from_config(planned(checked(shape), vocabulary=vocabulary), dtype=torch.float32)  # type: ignore[no-untyped-call]
    return module


def completed(module: PreTrainedModel, shape: Kind) -> PreTrainedModel:
    """The module with what no configuration of transformers says."""
    if module.generation_config is not None:
        module.generation_config.eos_token_id = list(ENDS)  # so that a base model ends its texts in transformers too
    module.eval()  # type: ignore[no-untyped-call]
    if shape.dropout:
        _drop(module, shape)
    return module


def planned(shape: Kind, *, vocabulary: int) -> PretrainedConfig:
    """The configuration of the model in init_from, which says more than a shape does (head_dim); where none lies there, the shape's."""
    if not has_model(shape.init_from):
        return configure(shape, vocabulary=vocabulary)
    config = config_of(shape.init_from)
    config.update({"vocab_size": vocabulary})
    return config


def configure(shape: Kind, *, vocabulary: int) -> PretrainedConfig:
    """The transformers configuration of a shape, with our special tokens."""
    return shape.configure(
        {
            "vocab_size": vocabulary,
            "tie_word_embeddings": shape.tie_embeddings,
            **special_ids(),
            "attn_implementation": shape.attention,
        },
    )


def special_ids() -> dict[str, int]:
    """Our special tokens in transformers' words."""
    return {"bos_token_id": IDS[ENDOFTEXT], "eos_token_id": IDS[END], "pad_token_id": IDS[PAD]}


def _drop(module: PreTrainedModel, shape: Kind) -> None:
    """Dropout of what joins the residual stream, while the module learns. It leaves no trace in what is saved."""

    def hook(part: nn.Module, given: Any, output: Tensor) -> Tensor:
        return F.dropout(output, shape.dropout, part.training)

    for name, part in module.named_modules():
        if name.endswith(shape.joins) or part is module.get_input_embeddings():  # type: ignore[no-untyped-call]
            part.register_forward_hook(hook)
