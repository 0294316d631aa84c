"""ALiBi: no positions, but a penalty on distance; LayerNorm, also of the embedding; GELU (Scao et al. 2022, Press et al. 2022)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import transformers
from torch import Tensor
from transformers import AutoModelForCausalLM, BloomConfig, PretrainedConfig
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

from pipeline.model.apart import begins
from pipeline.model.kind import Fault, Ungrouped


@dataclass(frozen=True, kw_only=True)
class Bloom(Ungrouped):
    """A model of kind bloom. Its inner width is four times the width, its activation GELU."""

    kind: Literal["bloom"]
    activation: Literal["gelu"]

    model_type: ClassVar[str] = "bloom"
    attention: ClassVar[str] = "eager"  # it has no such kernel
    joins: ClassVar[tuple[str, ...]] = ("self_attention.dense", "mlp.dense_4h_to_h")

    @property
    def inner(self) -> int:
        """Four times the width."""
        return 4 * self.hidden_size

    def faults(self) -> Iterator[Fault]:
        """Also another inner width, which would have no effect."""
        yield from super().faults()
        if self.intermediate_size not in ("auto", self.inner):
            message = f"bloom has an inner width of 4 x hidden_size: intermediate_size {self.intermediate_size} would have no effect"
            yield message, "model.intermediate_size=auto"

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """One inner width and one activation."""
        return super().words_of(config, context=context) | {"intermediate_size": "auto", "activation": "gelu"}

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration. max_position_embeddings is ours: the longest sequence that rows are made for."""
        own: dict[str, Any] = {
            "n_layer": self.layers,
            "hidden_size": self.hidden_size,
            "n_head": self.heads,
            "max_position_embeddings": self.context,
        }
        return BloomConfig(**own, **common)

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """Scores of each head, before and after the softmax: torch's kernel has no ALiBi."""
        return 2 * int(config.num_attention_heads) * tokens * tokens


class BloomForCausalLM(transformers.BloomForCausalLM):  # type: ignore[no-untyped-call]
    """transformers' module, which keeps the documents of a packed row apart where their positions start again.

    The penalty on distance is told by places in the row: between tokens of one document places and positions differ by the same.
    """

    def __init__(self, config: BloomConfig) -> None:
        super().__init__(config)
        self.transformer.build_alibi_tensor = _penalties  # type: ignore[method-assign]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None, **more: Any) -> Any:
        """What transformers' own gives."""
        if position_ids is not None and attention_mask is None and more.get("past_key_values") is None:
            attention_mask = _blocks(position_ids.expand(input_ids.shape), self.dtype)
        return super().forward(input_ids, attention_mask=attention_mask, **more)


def _blocks(positions: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where a token may look, else the lowest number [B, 1, T, T]; positions [B, T] start again at 0 with each document."""
    document = begins(positions).cumsum(-1)
    seen = (document[:, :, None] == document[:, None, :]).tril()
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]


def _penalties(attention_mask: Tensor, num_heads: int, dtype: torch.dtype) -> Tensor:
    """transformers' own, also for a mask of blocks."""
    mask = attention_mask if attention_mask.ndim == 2 else attention_mask.new_ones(attention_mask.shape[0], attention_mask.shape[-1])
    return build_alibi_tensor(mask, num_heads, dtype)


AutoModelForCausalLM.register(BloomConfig, BloomForCausalLM, exist_ok=True)
