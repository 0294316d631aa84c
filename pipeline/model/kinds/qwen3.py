"""RoPE, RMSNorm, a gated feed-forward part, norms of q and k (Yang et al. 2025)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from transformers import PretrainedConfig, Qwen3Config

from pipeline.model.kind import Rotary


@dataclass(frozen=True, kw_only=True)
class Qwen3(Rotary):
    """A model of kind qwen3."""

    kind: Literal["qwen3"]

    model_type: ClassVar[str] = "qwen3"
    blocks: ClassVar[bool] = True
    any_mask: ClassVar[bool] = True

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration."""
        return Qwen3Config(**self.words(), **common)
