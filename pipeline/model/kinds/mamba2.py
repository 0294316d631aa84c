"""No attention: a state of fixed size goes along the text (Dao and Gu 2024).

The scan in plain torch goes on through a row, so the documents of a packed one are read one by one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import transformers
from pydantic import PositiveInt
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, Cache, Mamba2Config, Mamba2Model, PretrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from pipeline.model.apart import is_packed, read_apart
from pipeline.model.kind import Fault, Kind
from pipeline.model.scan import scan_cached, scan_flops, scan_numbers


@dataclass(frozen=True, kw_only=True)
class Mamba2(Kind):
    """A model of kind mamba2. Heads are the state's, kv_heads the groups of them that share B and C; the inner width is the scan's."""

    kind: Literal["mamba2"]
    activation: Literal["silu"]  # after the convolution and of the gate
    state_size: PositiveInt  # numbers a channel
    conv_size: PositiveInt  # tokens that the convolution before the scan sees
    chunk_size: PositiveInt  # tokens that the scan takes at once: speed and memory

    model_type: ClassVar[str] = "mamba2"
    own: ClassVar[Mapping[str, str]] = {
        "heads": "num_heads",
        "kv_heads": "n_groups",
        "state_size": "state_size",
        "conv_size": "conv_kernel",
        "chunk_size": "chunk_size",
    }
    attention: ClassVar[str] = "eager"  # it has no such kernel
    compiles: ClassVar[bool] = False
    joins: ClassVar[tuple[str, ...]] = ("mixer.out_proj",)

    @property
    def inner(self) -> int:
        """Twice the width, or another multiple of it."""
        return 2 * self.hidden_size if self.intermediate_size == "auto" else self.intermediate_size

    def faults(self) -> Iterator[Fault]:
        """Also an inner width that is no multiple of the width."""
        yield from super().faults()
        if self.inner % self.hidden_size:
            message = f"mamba2 has an inner width that is a multiple of hidden_size {self.hidden_size}, not {self.intermediate_size}"
            yield message, "model.intermediate_size=auto"

    @classmethod
    def words_of(cls, config: PretrainedConfig, *, context: int) -> dict[str, Any]:
        """Its inner width is told by `expand`."""
        return super().words_of(config, context=context) | {"intermediate_size": config.expand * config.hidden_size}

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration. max_position_embeddings is ours: the longest sequence that rows are made for."""
        own: dict[str, Any] = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden_size,
            "expand": self.inner // self.hidden_size,
            "num_heads": self.heads,
            "head_dim": self.inner // self.heads,
            "n_groups": self.kv_heads,
            "state_size": self.state_size,
            "conv_kernel": self.conv_size,
            "chunk_size": self.chunk_size,
            "initializer_range": 0.02,  # at transformers' 0.1 a tied head starts far above ln V
            "max_position_embeddings": self.context,
        }
        return Mamba2Config(**own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Of the recurrence."""
        return int(config.num_hidden_layers) * scan_flops(inner=config.num_heads * config.head_dim, state=config.state_size)

    @classmethod
    def cached(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """The state, however many tokens it has seen, and what the convolution sees."""
        inner = config.num_heads * config.head_dim
        layer = scan_cached(inner=inner, groups=config.n_groups, state=config.state_size, conv=config.conv_kernel)
        return int(config.num_hidden_layers) * int(layer)

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """What the scan makes."""
        heads, inner = config.num_heads, config.num_heads * config.head_dim
        return scan_numbers(tokens=tokens, heads=heads, inner=inner, state=config.state_size, chunk=config.chunk_size)


class Mamba2ForCausalLM(transformers.Mamba2ForCausalLM):  # type: ignore[no-untyped-call]
    """transformers' module with other kinds' name for the cache; the documents of a packed row are apart where positions start again."""

    def forward(self, input_ids: Tensor, position_ids: Tensor | None = None, past_key_values: Cache | None = None, **more: Any) -> Any:
        """What transformers' own gives; of packed rows the logits alone."""
        if past_key_values is not None:
            more["cache_params"] = past_key_values
        elif position_ids is not None and more.get("attention_mask") is None and is_packed(position_ids):
            return read_apart(super().forward, input_ids, position_ids, step=self.config.chunk_size)
        return super().forward(input_ids, **more)


class Mamba2ForSequenceClassification(transformers.Mamba2PreTrainedModel):  # type: ignore[no-untyped-call]
    """Numbers for a text, read at its last token, as transformers has it for other kinds."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.backbone = Mamba2Model(config)
        self.score = nn.Linear(config.hidden_size, int(config.num_labels or 1), bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """The numbers of each row at its last token that is no padding."""
        hidden = self.backbone(input_ids, attention_mask=attention_mask, use_cache=False)[0]
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        last = ((input_ids != self.config.pad_token_id) * places).argmax(-1)
        return SequenceClassifierOutput(logits=self.score(hidden[torch.arange(len(last), device=last.device), last]))


AutoModelForCausalLM.register(Mamba2Config, Mamba2ForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(Mamba2Config, Mamba2ForSequenceClassification, exist_ok=True)
