"""What every kind of model has: the field's common words, and what the rooms around ask of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, PositiveInt
from transformers import PretrainedConfig

from pipeline.core.bounds import ProperFraction
from pipeline.core.errors import PipelineError
from pipeline.core.mends import together

STEP = 32  # widths are multiples of it, so that 4-bit blocks fit
Fault = tuple[str, str]  # what is wrong, and a setting that mends it
WORDS = {  # of conf/model, in transformers' configurations
    "layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "intermediate_size": "intermediate_size",
    "activation": "hidden_act",
    "tie_embeddings": "tie_word_embeddings",
}


@dataclass(frozen=True, kw_only=True)
class Kind(ABC):
    """The words of conf/model that every kind knows; a kind adds its own."""

    layers: PositiveInt
    hidden_size: PositiveInt  # width of the residual stream
    heads: PositiveInt
    kv_heads: PositiveInt  # fewer than heads: grouped-query attention; 1: multi-query
    intermediate_size: PositiveInt | Literal["auto"]  # inner width of the feed-forward part; auto: by the kind
    context: PositiveInt  # tokens, the longest sequence
    dropout: ProperFraction  # share of the numbers that join the residual stream, while it is pretrained
    init_from: Path  # folder of a model to go on from: weights and shape are its; empty: fresh weights
    tie_embeddings: bool  # whether the output head is the embedding

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    model_type: ClassVar[str]  # transformers' name of it
    compiles: ClassVar[bool] = True  # whether torch.compile can take packed rows
    attention: ClassVar[str] = "sdpa"  # the kernel, for training and for reading: torch's own
    blocks: ClassVar[bool] = (
        False  # whether model/blocks can take its place: every token sees all before it in its document, by q and k alone
    )
    any_mask: ClassVar[bool] = False  # whether a mask of T x T can tell which tokens see which, in both directions too
    joins: ClassVar[tuple[str, ...]]  # modules whose output joins the residual stream, by the end of their names
    own: ClassVar[Mapping[str, str]] = {}  # its own words, and those that it calls otherwise, in transformers' configuration

    def __post_init__(self) -> None:
        if faults := list(self.faults()):
            raise PipelineError("; ".join(fault for fault, _ in faults), mend=together(mend for _, mend in faults))

    def faults(self) -> Iterator[Fault]:
        """What does not go together."""
        if self.hidden_size % self.heads or self.hidden_size // self.heads % 2:
            message = f"hidden_size {self.hidden_size} does not give {self.heads} heads of one even width"
            yield message, f"model.hidden_size={self.heads * STEP}"
        if self.heads % self.kv_heads:
            yield f"heads {self.heads} is no multiple of kv_heads {self.kv_heads}", f"model.kv_heads={self.heads}"

    def refuse_compile(self, asked: bool) -> None:
        """PipelineError where it is asked for and the kind reads documents one by one, whose lengths torch.compile can't do with."""
        if asked and not self.compiles:
            raise PipelineError(f"torch.compile can't take the rows of a model of type {self.model_type}", mend="pretrain.compile=false")

    def faults_of_half_heads(self) -> Iterator[Fault]:
        """Half a head of an odd width, which RoPE can't turn: for kinds that turn half of each."""
        if self.hidden_size // self.heads % 4:
            message = f"hidden_size {self.hidden_size} and {self.heads} heads: half a head has no even width for RoPE"
            yield message, f"model.hidden_size={self.heads * STEP}"

    @abstractmethod
    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration; `common` has the vocabulary and the special tokens."""

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """The words of conf/model that this configuration has, read in rows of `context` tokens; what it does not say is left out."""
        return {ours: getattr(config, theirs) for ours, theirs in {**WORDS, **cls.own}.items() if hasattr(config, theirs)}

    @property
    def inner(self) -> int:
        """The inner width: as it stands, or 8/3 of the width, as three matrices of it weigh what two of four widths do (Touvron 2023)."""
        return nearest(self.hidden_size * 8 / 3) if self.intermediate_size == "auto" else self.intermediate_size

    @property
    def head_size(self) -> int:
        """Numbers of one head."""
        return self.hidden_size // self.heads

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Operations, forward and backward, by which a token of a row of `length` tokens meets the others, all layers together.

        Of attention 12 x layers x width x length (Chowdhery et al. 2022, PaLM, appendix B).
        """
        return 12 * int(config.num_hidden_layers) * int(config.num_attention_heads) * head_size_of(config) * length

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """Numbers of a cache that holds `tokens` tokens."""
        heads = int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
        return 2 * int(config.num_hidden_layers) * heads * head_size_of(config) * tokens

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """Numbers that a layer makes of a row between its matrices, where their widths do not tell it: scores of T x T, states."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Ungrouped(Kind):
    """A kind whose heads have keys and values each."""

    def faults(self) -> Iterator[Fault]:
        """Also groups, which would have no effect."""
        yield from super().faults()
        if self.kv_heads != self.heads:
            message = f"{self.model_type} has no grouped heads: kv_heads {self.kv_heads} would have no effect"
            yield message, f"model.kv_heads={self.heads}"

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """As many groups as heads."""
        words = super().words_of(config, context=context)
        return words | {"kv_heads": words["heads"]}


@dataclass(frozen=True, kw_only=True)
class Rotary(Kind):
    """llama and its descendants: RoPE, RMSNorm, a gated feed-forward part."""

    activation: Literal["silu", "gelu", "relu"]  # of the gate: SwiGLU, GeGLU, ReGLU

    joins: ClassVar[tuple[str, ...]] = ("self_attn.o_proj", "mlp.down_proj")

    def words(self) -> dict[str, Any]:
        """The words that they share in transformers."""
        return {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_size,
            "intermediate_size": self.inner,
            "hidden_act": self.activation,
            "max_position_embeddings": self.context,
        }


def nearest(width: float) -> int:
    """The nearest width that 4-bit blocks fit."""
    return max(1, round(width / STEP)) * STEP


def head_size_of(config: PretrainedConfig) -> int:
    """Numbers of one head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
