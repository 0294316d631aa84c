"""Learned positions, LayerNorm, a feed-forward part without a gate (Radford et al. 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from transformers import GPT2Config, PretrainedConfig

from pipeline.model.kind import Ungrouped

ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "silu": "silu"}


@dataclass(frozen=True, kw_only=True)
class Gpt2(Ungrouped):
    """A model of kind gpt2. Its inner width is by itself four times the width."""

    kind: Literal["gpt2"]
    activation: Literal["gelu", "relu", "silu"]

    model_type: ClassVar[str] = "gpt2"
    own: ClassVar[Mapping[str, str]] = {"intermediate_size": "n_inner", "activation": "activation_function"}
    any_mask: ClassVar[bool] = True
    joins: ClassVar[tuple[str, ...]] = ("attn.c_proj", "mlp.c_proj")

    @property
    def inner(self) -> int:
        """As it stands, or four times the width."""
        return 4 * self.hidden_size if self.intermediate_size == "auto" else self.intermediate_size

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """The activation by our name."""
        words = super().words_of(config, context=context)
        names = {theirs: ours for ours, theirs in ACTIVATIONS.items()}
        activation = names.get(words["activation"], words["activation"])
        return words | {"activation": activation, "intermediate_size": words["intermediate_size"] or "auto"}

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration. Its own dropout is off: build puts ours in every kind alike."""
        own: dict[str, Any] = {
            "n_layer": self.layers,
            "n_embd": self.hidden_size,
            "n_head": self.heads,
            "n_inner": self.inner,
            "n_positions": self.context,
            "activation_function": ACTIVATIONS[self.activation],
        }
        return GPT2Config(**own, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **common)
