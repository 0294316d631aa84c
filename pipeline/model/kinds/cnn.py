"""No attention: gated convolutions over the tokens before, which reach further in each layer. A baseline.

Dauphin et al. 2017 (the gate), van den Oord et al. 2016 (the reach).

batch B, time T, width D
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from transformers import Cache, PretrainedConfig
from transformers.activations import ACT2FN

from pipeline.model.kind import Fault, Kind
from pipeline.model.own import Body, Layer, OwnConfig, Read, register


class CnnConfig(OwnConfig):
    """Its configuration in transformers' words."""

    model_type = "cnn"
    hidden_act: str = "silu"
    conv_kernel: int = 0
    dilation: int = 1


@dataclass(frozen=True, kw_only=True)
class Cnn(Kind):
    """A model of kind cnn. The inner width is what its gate lets through. It has no heads: heads and kv_heads do nothing."""

    kind: Literal["cnn"]
    activation: Literal["silu", "gelu", "relu"]  # of the gate
    conv_size: Annotated[int, Field(ge=2)]  # tokens that a convolution sees
    dilation: PositiveInt  # they stand so many times further apart than those of the layer below; 1: side by side in all

    model_type: ClassVar[str] = "cnn"
    own: ClassVar[Mapping[str, str]] = {"conv_size": "conv_kernel", "dilation": "dilation"}
    attention: ClassVar[str] = "eager"  # it has no such kernel
    joins: ClassVar[tuple[str, ...]] = ("convolution.o_proj",)

    @property
    def inner(self) -> int:
        """As it stands, or the width."""
        return self.hidden_size if self.intermediate_size == "auto" else self.intermediate_size

    def faults(self) -> Iterator[Fault]:
        """None of a model with heads, but a convolution that looks beyond the longest sequence."""
        reach = (self.conv_size - 1) * self.dilation ** (self.layers - 1)
        if reach >= self.context:
            message = f"conv_size {self.conv_size} and dilation {self.dilation} reach back {reach} tokens, a sequence has {self.context}"
            yield message, "model.dilation=1" if self.dilation > 1 else "model.conv_size=2"

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """The configuration. max_position_embeddings is the longest sequence that rows are made for, layer_types what is cached."""
        own: dict[str, Any] = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.inner,
            "hidden_act": self.activation,
            "conv_kernel": self.conv_size,
            "dilation": self.dilation,
            "max_position_embeddings": self.context,
            "layer_types": ["conv"] * self.layers,
        }
        return CnnConfig(**own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """None beside its matrices."""
        return 0

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """What the convolutions still see."""
        reach = sum((config.conv_kernel - 1) * config.dilation**index for index in range(config.num_hidden_layers))
        return int(reach * config.hidden_size)


class Convolution(nn.Module):
    """A product with the tokens that it sees, side by side: zero where one is of another document or before the first."""

    def __init__(self, config: CnnConfig, index: int) -> None:
        super().__init__()
        self.index = index
        self.shifts = [tap * config.dilation**index for tap in range(config.conv_kernel)]
        self.gate_up_proj = nn.Linear(config.conv_kernel * config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.act = ACT2FN[config.hidden_act]
        self.o_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"], cache: Cache | None) -> Float[Tensor, "B T D"]:
        """What it adds to the stream."""
        reach, tokens = self.shifts[-1], hidden.shape[1]
        carried = None if cache is None else cache.get_conv_state(self.index)
        before = hidden.new_zeros(len(hidden), reach, hidden.shape[2]) if carried is None else carried.transpose(1, 2)
        read = torch.cat([before, hidden], 1)
        if cache is not None:
            cache.update_conv_state(read[:, -reach:].transpose(1, 2), self.index)
        taps = [read[:, reach - shift : reach - shift + tokens] * (positions >= shift)[..., None] for shift in self.shifts]
        gate, up = self.gate_up_proj(torch.cat(taps, -1)).chunk(2, -1)
        found: Tensor = self.o_proj(self.act(gate) * up)
        return found


class CnnLayer(Layer):
    """Norm, convolution, and back to the stream."""

    def __init__(self, config: CnnConfig, index: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.hidden_size, eps=1e-6)
        self.convolution = Convolution(config, index)

    def forward(self, hidden: Tensor, told: Tensor, past_key_values: Cache | None = None) -> Tensor:
        """The stream after it."""
        added: Tensor = self.convolution(self.norm(hidden), told, past_key_values)
        return hidden + added


class CnnModel(Body):
    """Its body."""

    config_class = CnnConfig
    layer = CnnLayer

    def tell(self, read: Read) -> Tensor:
        """Where each token stands in its document."""
        return read.positions


register(CnnConfig, CnnModel)
