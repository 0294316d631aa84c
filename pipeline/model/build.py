"""A shape becomes a transformers module with fresh weights.

The shape speaks the field's common words; a small dict of kinds translates them for each family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from pydantic import PositiveInt
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PretrainedConfig, PreTrainedModel, Qwen3Config

from pipeline.core.errors import PipelineError
from pipeline.core.seed import seed_of
from pipeline.tokens.special import END, ENDOFTEXT, ENDS, IDS, PAD

Kind = Literal["qwen3", "llama", "gpt2"]
ATTENTION = "sdpa"  # torch's own kernel, for training and for reading


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What conf/model says."""

    kind: Kind
    layers: PositiveInt
    hidden_size: PositiveInt  # width of the residual stream
    heads: PositiveInt
    kv_heads: PositiveInt  # fewer than heads: grouped-query attention
    intermediate_size: PositiveInt  # inner width of the feed-forward part
    context: PositiveInt  # tokens, the longest sequence
    tie_embeddings: bool  # whether the output head is the embedding


def build(shape: Mapping[str, Any], *, vocabulary: int, seed: int) -> PreTrainedModel:
    """A module of this shape, fp32, on the CPU; its weights depend on shape, vocabulary and seed, and no global stream is touched."""
    config = configure(_checked(shape), vocabulary=vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_of(seed, "weights"))
        module: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    if module.generation_config is not None:
        module.generation_config.eos_token_id = list(ENDS)  # so that a base model ends its texts in transformers too
    module.eval()  # type: ignore[no-untyped-call]
    return module


def configure(shape: Shape, *, vocabulary: int) -> PretrainedConfig:
    """The transformers configuration of a shape, with our special tokens."""
    return _KINDS[shape.kind](
        shape,
        {
            "vocab_size": vocabulary,
            "tie_word_embeddings": shape.tie_embeddings,
            "bos_token_id": IDS[ENDOFTEXT],
            "eos_token_id": IDS[END],
            "pad_token_id": IDS[PAD],
            "attn_implementation": ATTENTION,
        },
    )


def _checked(content: Mapping[str, Any]) -> Shape:
    """The shape, or one message with all that is wrong with it."""
    unknown, missing = set(content) - set(Shape.__annotations__), set(Shape.__annotations__) - set(content)
    if unknown or missing:
        wrong = [f"unknown: {', '.join(sorted(unknown))}"] * bool(unknown) + [f"missing: {', '.join(sorted(missing))}"] * bool(missing)
        raise PipelineError(f"a model shape has {'; '.join(wrong)}", mend=f"it needs exactly {', '.join(Shape.__annotations__)}")
    if content["kind"] not in get_args(Kind):
        raise PipelineError(f"a model of kind {content['kind']!r} is unknown", mend=f"model.kind={'|'.join(get_args(Kind))}")
    shape, faults = Shape(**content), []
    if shape.hidden_size % shape.heads or shape.hidden_size // shape.heads % 2:
        faults.append(
            (
                f"hidden_size {shape.hidden_size} does not give {shape.heads} heads of one even width",
                f"model.hidden_size={shape.heads * 32}",
            )
        )
    if shape.heads % shape.kv_heads:
        faults.append((f"heads {shape.heads} is no multiple of kv_heads {shape.kv_heads}", f"model.kv_heads={shape.heads}"))
    if shape.kind == "gpt2" and shape.kv_heads != shape.heads:
        faults.append((f"gpt2 has no grouped heads: kv_heads {shape.kv_heads} would have no effect", f"model.kv_heads={shape.heads}"))
    if faults:
        raise PipelineError("; ".join(fault for fault, _ in faults), mend="; ".join(mend for _, mend in faults))
    return shape


def _rotary(shape: Shape) -> dict[str, Any]:
    """The words that llama and its descendants share."""
    return {
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.hidden_size,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.hidden_size // shape.heads,
        "intermediate_size": shape.intermediate_size,
        "max_position_embeddings": shape.context,
    }


def _qwen3(shape: Shape, common: dict[str, Any]) -> PretrainedConfig:
    return Qwen3Config(**_rotary(shape), **common)


def _llama(shape: Shape, common: dict[str, Any]) -> PretrainedConfig:
    return LlamaConfig(**_rotary(shape), **common)


def _gpt2(shape: Shape, common: dict[str, Any]) -> PretrainedConfig:
    """Learned positions, LayerNorm, GELU. No dropout: the corpus is seen about once."""
    own: dict[str, Any] = {
        "n_layer": shape.layers,
        "n_embd": shape.hidden_size,
        "n_head": shape.heads,
        "n_inner": shape.intermediate_size,
        "n_positions": shape.context,
    }
    return GPT2Config(**own, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **common)


_KINDS: dict[str, Callable[[Shape, dict[str, Any]], PretrainedConfig]] = {"qwen3": _qwen3, "llama": _llama, "gpt2": _gpt2}
