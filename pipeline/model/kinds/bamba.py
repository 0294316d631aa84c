"""A hybrid: most layers carry a state along the text as mamba2 does, every few of them attend (IBM 2024, after Dao and Gu 2024).

The documents of a packed row are read one by one, as mamba2's.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import transformers
from pydantic import PositiveInt
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BambaConfig,
    BambaPreTrainedModel,
    Cache,
    PretrainedConfig,
)
from transformers.modeling_layers import GenericForSequenceClassification

from pipeline.core.errors import InputError
from pipeline.model.apart import is_packed, read_apart
from pipeline.model.kind import Fault, Rotary
from pipeline.model.scan import scan_cached, scan_flops, scan_numbers


@dataclass(frozen=True, kw_only=True)
class Bamba(Rotary):
    """A model of kind bamba. heads and kv_heads are those of attention; a state has as many heads."""

    kind: Literal["bamba"]
    attention_every: PositiveInt  # layers: the last of so many attends, the others carry a state; 1: all attend
    expand: PositiveInt  # inner width of the scan, in widths
    state_size: PositiveInt  # numbers a channel
    conv_size: PositiveInt  # tokens that the convolution before the scan sees
    chunk_size: PositiveInt  # tokens that the scan takes at once: speed and memory

    model_type: ClassVar[str] = "bamba"
    own: ClassVar[Mapping[str, str]] = {
        "expand": "mamba_expand",
        "state_size": "mamba_d_state",
        "conv_size": "mamba_d_conv",
        "chunk_size": "mamba_chunk_size",
    }
    compiles: ClassVar[bool] = False
    joins: ClassVar[tuple[str, ...]] = ("self_attn.o_proj", "mamba.out_proj", "feed_forward.down_proj")

    def faults(self) -> Iterator[Fault]:
        """Also a model without attention, which is mamba2, or without a state, and heads that RoPE can't turn half of."""
        yield from super().faults()
        if not 1 < self.attention_every <= self.layers:
            message = f"attention_every {self.attention_every} of {self.layers} layers leaves no layer with a state, or none with attention"
            yield message, "model.attention_every=2" if self.layers > 1 else "model.layers=2"
        yield from self.faults_of_half_heads()

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """Attention as often as its first layer of it says. InputError where none attends."""
        if not config.attn_layer_indices:
            raise InputError("the configuration has no layer with attention: attn_layer_indices is empty", mend="a folder of kind mamba2")
        return super().words_of(config, context=context) | {"attention_every": config.attn_layer_indices[0] + 1}

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration."""
        words = self.words()
        del words["head_dim"]  # its own is hidden_size / heads
        own: dict[str, Any] = {
            "attn_layer_indices": list(range(self.attention_every - 1, self.layers, self.attention_every)),
            "mamba_expand": self.expand,
            "mamba_n_heads": self.heads,
            "mamba_n_groups": self.kv_heads,
            "mamba_d_state": self.state_size,
            "mamba_d_conv": self.conv_size,
            "mamba_chunk_size": self.chunk_size,
        }
        return BambaConfig(**words, **own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Of attention where it is, of the recurrence elsewhere."""
        attend = len(config.attn_layer_indices)
        states = int(config.num_hidden_layers) - attend
        scan = scan_flops(inner=config.mamba_expand * config.hidden_size, state=config.mamba_d_state)
        return 12 * attend * int(config.hidden_size) * length + states * scan

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """Keys and values where attention is, the state and what its convolution sees elsewhere."""
        attend = len(config.attn_layer_indices)
        heads, size = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
        inner = config.mamba_expand * config.hidden_size
        layer = scan_cached(inner=inner, groups=config.mamba_n_groups, state=config.mamba_d_state, conv=config.mamba_d_conv)
        states = int(config.num_hidden_layers) - attend
        return int(2 * attend * heads * size * tokens + states * layer)

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """What the scan makes, on the average of the layers."""
        states = 1 - len(config.attn_layer_indices) / int(config.num_hidden_layers)
        sizes = {"heads": config.mamba_n_heads, "inner": config.mamba_expand * config.hidden_size, "state": config.mamba_d_state}
        return math.ceil(states * scan_numbers(tokens=tokens, **sizes, chunk=config.mamba_chunk_size))


class BambaForCausalLM(transformers.BambaForCausalLM):  # type: ignore[no-untyped-call]
    """transformers' module; the documents of a packed row are apart where positions start again."""

    def forward(self, input_ids: Tensor, position_ids: Tensor | None = None, past_key_values: Cache | None = None, **more: Any) -> Any:
        """What transformers' own gives; of packed rows the logits alone."""
        alone = past_key_values is None and more.get("attention_mask") is None
        if alone and position_ids is not None and is_packed(position_ids):
            return read_apart(super().forward, input_ids, position_ids, step=int(self.config.mamba_chunk_size or 1))
        return super().forward(input_ids, position_ids=position_ids, past_key_values=past_key_values, **more)


class BambaForSequenceClassification(GenericForSequenceClassification, BambaPreTrainedModel):  # type: ignore[no-untyped-call]
    """Numbers for a text, read at its last token, as transformers has it for other kinds."""


AutoModelForCausalLM.register(BambaConfig, BambaForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(BambaConfig, BambaForSequenceClassification, exist_ok=True)
