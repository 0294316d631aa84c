"""Recurrent layers: a state that each token changes, one after the other; for the kinds rnn, lstm and gru.

batch B, time T, width D, state H
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from transformers import Cache, PretrainedConfig

from pipeline.model.apart import begins, is_packed
from pipeline.model.kind import Fault, Kind
from pipeline.model.own import Body, Layer, OwnConfig, Read


@dataclass(frozen=True, kw_only=True)
class Recurrent(Kind):
    """What the three have in common. The inner width is the state's. They have no heads: heads and kv_heads do nothing."""

    attention: ClassVar[str] = "eager"  # it has no such kernel
    compiles: ClassVar[bool] = False  # a row falls into sequences of other lengths each time
    joins: ClassVar[tuple[str, ...]] = ("recurrence.o_proj",)
    config: ClassVar[type[OwnConfig]]
    states: ClassVar[int] = 1  # numbers that a unit carries

    @property
    def inner(self) -> int:
        """As it stands, or the width."""
        return self.hidden_size if self.intermediate_size == "auto" else self.intermediate_size

    def faults(self) -> Iterator[Fault]:
        """None of a model with heads."""
        yield from ()

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """tanh, where the configuration does not say."""
        return {"activation": "tanh"} | super().words_of(config, context=context)

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """The configuration. max_position_embeddings is the longest sequence that rows are made for, layer_types what is cached."""
        own: dict[str, Any] = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.inner,
            "max_position_embeddings": self.context,
            "layer_types": ["conv"] * self.layers,
        }
        return self.config(**own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """None beside its matrices."""
        return 0

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """The state, however many tokens it has seen."""
        return cls.states * int(config.num_hidden_layers) * int(config.intermediate_size)

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """Less than the widths tell: what the state's own matrix reads is what the layer gave for the token before."""
        return -2 * tokens * int(config.intermediate_size)


class Recurrence(nn.Module):
    """torch's layer of one direction over the documents of some rows, each from a state of its own."""

    def __init__(self, cell: nn.RNNBase, width: int, index: int) -> None:
        super().__init__()
        self.cell, self.index = cell, index
        self.o_proj = nn.Linear(cell.hidden_size, width, bias=False)

    def forward(self, hidden: Float[Tensor, "B T D"], apart: PackedSequence | None, cache: Cache | None) -> Float[Tensor, "B T D"]:
        """What it adds to the stream."""
        carried = None if cache is None else cache.get_conv_state(self.index)  # transformers' name for what a layer carries
        if carried is not None and apart is not None:
            raise ValueError("padding among the tokens that are read on from a cache")
        with torch.autocast("cpu", enabled=False):  # not every CPU has the kernels in bf16
            read, after = self._apart(hidden, apart) if apart is not None else self.cell(hidden, self._state(carried))
        if cache is not None:
            parts = after if isinstance(after, tuple) else (after,)
            cache.update_conv_state(torch.cat(parts, -1)[0, :, :, None], self.index)
        found: Tensor = self.o_proj(read)
        return found

    def _state(self, carried: Tensor | None) -> Any:
        """What torch's layer takes: [1, B, H], two of them where there are two."""
        if carried is None:
            return None
        parts = tuple(part.contiguous() for part in torch.split(carried[None, ..., 0], self.cell.hidden_size, -1))
        return parts if len(parts) > 1 else parts[0]

    def _apart(self, hidden: Tensor, apart: PackedSequence) -> tuple[Tensor, Any]:
        flat = hidden.flatten(0, 1)
        read, after = self.cell(apart._replace(data=flat[apart.data]))
        empty = read.data.new_zeros(len(flat), read.data.shape[-1])
        return empty.index_copy(0, apart.data, read.data).view(*hidden.shape[:2], -1), after


class RecurrentLayer(Layer):
    """Norm, recurrence, and back to the stream."""

    cell: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    def __init__(self, config: Any, index: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.hidden_size, eps=1e-6)
        self.recurrence = Recurrence(self.make(config), config.hidden_size, index)

    def make(self, config: Any) -> nn.RNNBase:
        """torch's layer."""
        return self.cell(config.hidden_size, config.intermediate_size, batch_first=True)

    def forward(self, hidden: Tensor, told: PackedSequence | None, past_key_values: Cache | None = None) -> Tensor:
        """The stream after it."""
        added: Tensor = self.recurrence(self.norm(hidden), told, past_key_values)
        return hidden + added


class RecurrentBody(Body):
    """Layers that are told which tokens are one sequence, where not each row is one."""

    def tell(self, read: Read) -> PackedSequence | None:
        """The places of the tokens, flat, in the order that torch reads sequences of several lengths in; None: each row is one."""
        positions = read.positions
        width = positions.shape[1]
        own = None if read.mask is None else read.mask[:, -width:].bool()
        if own is not None and not bool(own.all()):
            first, last = own.int().argmax(1), width - own.flip(1).int().argmax(1)
            starts = torch.arange(len(own), device=own.device) * width
            return _sequences(starts + first, starts + last)
        if read.packed and is_packed(positions):
            starts = begins(positions).flatten().nonzero()[:, 0]
            return _sequences(starts, torch.cat([starts[1:], starts.new_tensor([positions.numel()])]))
        return None


def _sequences(starts: Tensor, ends: Tensor) -> PackedSequence:
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    return pack_sequence([torch.arange(*span, device=starts.device) for span in spans], enforce_sorted=False)
