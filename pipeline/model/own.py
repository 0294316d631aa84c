"""Modules of our own, for kinds that transformers has none of: an embedding, layers that add to a residual stream, a norm, a head.

A kind brings its configuration and a Body with its layers; `register` makes transformers find them by the configuration's model_type.

batch B, time T, width D, vocabulary V
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    Cache,
    DynamicCache,
    GenerationMixin,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.modeling_layers import GenericForSequenceClassification, GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast


class OwnConfig(PretrainedConfig):
    """What all of them have, in transformers' words."""

    vocab_size: int = 0
    hidden_size: int = 0
    intermediate_size: int = 0
    num_hidden_layers: int = 0
    max_position_embeddings: int = 0
    initializer_range: float = 0.02
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    tie_word_embeddings: bool = True


class Own(PreTrainedModel):
    """What transformers asks of a module."""

    config_class = OwnConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As transformers, but the weights of a recurrence as torch has them, and an LSTM remembers at first (Jozefowicz et al. 2015)."""
        if not isinstance(module, nn.RNNBase):
            super()._init_weights(module)  # type: ignore[no-untyped-call]
            return
        bound = module.hidden_size**-0.5
        for name, weight in module.named_parameters():
            init.uniform_(weight, -bound, bound) if weight.ndim == 2 else init.zeros_(weight)
            if isinstance(module, nn.LSTM) and name.startswith("bias_ih"):
                gates = torch.zeros_like(weight)
                gates[module.hidden_size : 2 * module.hidden_size] = 1  # of forgetting
                init.copy_(weight, gates)


class Layer(GradientCheckpointingLayer):
    """One layer: what it adds to the stream. `told` is what Body.tell says of the rows."""

    def forward(self, hidden: Float[Tensor, "B T D"], told: Any, past_key_values: Cache | None = None) -> Tensor:
        """The stream after it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Read:
    """What is known of the rows that are read."""

    positions: Int[Tensor, "B T"]  # from 0 with each document
    mask: Tensor | None  # [B, T and what was read before]: 0 at padding
    cache: Cache | None
    packed: bool  # whether a row may hold several documents

    @property
    def whole(self) -> bool:
        """Whether each row is one document without padding."""
        return not self.packed and (self.mask is None or bool(self.mask.all()))

    def key_positions(self) -> Int[Tensor, "B S"]:
        """The positions of what was read before, and these."""
        if self.mask is not None:
            return (self.mask.long().cumsum(-1) - 1).clamp(min=0)
        before = 0 if self.cache is None else self.cache.get_seq_length()
        if not before:
            return self.positions
        return torch.arange(before + self.positions.shape[1], device=self.positions.device).expand(len(self.positions), -1)


class Body(Own):
    """Embedding, layers, norm. A kind says which layers, and what they are told of the rows."""

    layer: ClassVar[type[Layer]]
    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(self.layer(config, index) for index in range(config.num_hidden_layers))
        self.norm = self.final_norm()
        self.parts()
        self.post_init()  # type: ignore[no-untyped-call]

    def parts(self) -> None:
        """What a kind has besides."""

    def final_norm(self) -> nn.Module:
        """Before the head."""
        return nn.RMSNorm(self.config.hidden_size, eps=1e-6)

    def embed(self, ids: Int[Tensor, "B T"], positions: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """What the first layer reads."""
        found: Tensor = self.embed_tokens(ids)
        return found

    def tell(self, read: Read) -> Any:
        """What each layer is told of the rows."""
        raise NotImplementedError

    def forward(
        self,
        input_ids: Int[Tensor, "B T"],
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPast:
        """The stream after the last layer."""
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        packed = position_ids is not None and attention_mask is None and past_key_values is None
        if position_ids is None:
            position_ids = _positions(input_ids, attention_mask, past_key_values)
        positions = position_ids.expand(input_ids.shape)
        hidden = self.embed(input_ids, positions)
        told = self.tell(Read(positions, attention_mask, past_key_values, packed))
        for layer in self.layers:
            hidden = layer(hidden, told, past_key_values=past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden), past_key_values=past_key_values)  # type: ignore[arg-type]


def _positions(ids: Tensor, mask: Tensor | None, cache: Cache | None) -> Tensor:
    """Where each token stands among those that are no padding."""
    if mask is not None:
        return (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    if cache is not None and any(getattr(layer, "device", None) is not None for layer in cache.layers):
        raise ValueError("to read on from a cache, positions or a mask of all tokens are needed")
    return torch.arange(ids.shape[1], device=ids.device)[None]


class CausalLM(Own, GenerationMixin):
    """A body and a head over the vocabulary."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012 - transformers' own form

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = AutoModel.from_config(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, logits_to_keep: int = 0, **more: Any) -> CausalLMOutputWithPast:
        """The logits [B, T, V], or those of the last tokens."""
        output = self.model(input_ids, **more)
        logits = self.lm_head(output.last_hidden_state[:, -logits_to_keep:])
        return CausalLMOutputWithPast(logits=logits, past_key_values=output.past_key_values)


def register(config: type[OwnConfig], body: type[Body]) -> None:
    """Let transformers find body, language model and classifier of a configuration. Nothing is read from a model's folder but numbers."""
    name = body.__name__.removesuffix("Model")
    own = {"config_class": config, "__module__": body.__module__}
    AutoConfig.register(config.model_type, config, exist_ok=True)
    AutoModel.register(config, body, exist_ok=True)
    AutoModelForCausalLM.register(config, type(f"{name}ForCausalLM", (CausalLM,), own), exist_ok=True)
    judge = type(f"{name}ForSequenceClassification", (GenericForSequenceClassification, Own), own)
    AutoModelForSequenceClassification.register(config, judge, exist_ok=True)
