"""llama whose tokens see a window of those before them (Jiang et al. 2023)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt
from transformers import MistralConfig, PretrainedConfig

from pipeline.model.kind import Fault, Rotary


@dataclass(frozen=True, kw_only=True)
class Mistral(Rotary):
    """A model of kind mistral."""

    kind: Literal["mistral"]
    window: PositiveInt | None  # tokens that a token sees, itself among them; null: all

    model_type: ClassVar[str] = "mistral"
    own: ClassVar[Mapping[str, str]] = {"window": "sliding_window"}

    def faults(self) -> Iterator[Fault]:
        """Also a window that hides nothing."""
        yield from super().faults()
        if self.window is not None and self.window >= self.context:
            message = f"window {self.window} would have no effect on {self.context} tokens of context"
            yield message, "model.window=null"

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """No window where it hides nothing of such rows."""
        words = super().words_of(config, context=context)
        return words | {"window": None if (words["window"] or context) >= context else words["window"]}

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration."""
        return MistralConfig(**self.words(), sliding_window=self.window, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Of attention within the window."""
        return super().mixing_flops(config, length=min(length, config.sliding_window or length))

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """The cache forgets what no token sees any more."""
        return super().cached(config, tokens=min(tokens, config.sliding_window or tokens))
