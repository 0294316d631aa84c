"""RoPE, RMSNorm, a gated feed-forward part (Touvron et al. 2023)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from transformers import LlamaConfig, PretrainedConfig

from pipeline.model.kind import Rotary


@dataclass(frozen=True, kw_only=True)
class Llama(Rotary):
    """A model of kind llama."""

    kind: Literal["llama"]

    model_type: ClassVar[str] = "llama"
    blocks: ClassVar[bool] = True
    any_mask: ClassVar[bool] = True

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration."""
        return LlamaConfig(**self.words(), **common)
