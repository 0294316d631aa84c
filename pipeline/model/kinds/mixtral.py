"""llama with several feed-forward parts, of which a router chooses some for each token (Jiang et al. 2024)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import transformers
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from transformers import AutoModelForCausalLM, Cache, MixtralConfig, PretrainedConfig

from pipeline.model.kind import Fault, Rotary


@dataclass(frozen=True, kw_only=True)
class Mixtral(Rotary):
    """A model of kind mixtral. Each expert has the inner width."""

    kind: Literal["mixtral"]
    experts: PositiveInt
    experts_per_token: PositiveInt
    balance_loss: NonNegativeFloat  # times the balance of the experts, added to the loss (Fedus et al. 2022); 0: not counted

    model_type: ClassVar[str] = "mixtral"
    own: ClassVar[Mapping[str, str]] = {
        "experts": "num_local_experts",
        "experts_per_token": "num_experts_per_tok",
        "balance_loss": "router_aux_loss_coef",
    }
    joins: ClassVar[tuple[str, ...]] = ("self_attn.o_proj", ".mlp")

    def faults(self) -> Iterator[Fault]:
        """Also more experts a token than there are."""
        yield from super().faults()
        if self.experts_per_token > self.experts:
            message = f"experts_per_token {self.experts_per_token} is more than there are experts, {self.experts}"
            yield message, f"model.experts_per_token={self.experts}"

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration; outputs.aux_loss is there where balance_loss is above 0."""
        own: dict[str, Any] = {
            "num_local_experts": self.experts,
            "num_experts_per_tok": self.experts_per_token,
            "router_aux_loss_coef": float(self.balance_loss),
            "output_router_logits": self.balance_loss > 0,
        }
        return MixtralConfig(**self.words(), **own, **common)


class MixtralForCausalLM(transformers.MixtralForCausalLM):  # type: ignore[no-untyped-call]
    """transformers' module, which can't count the balance of experts while it reads on from a cache, and then need not."""

    def forward(self, input_ids: Tensor | None = None, past_key_values: Cache | None = None, **more: Any) -> Any:
        """What transformers' own gives."""
        if past_key_values is not None:
            more["output_router_logits"] = False
        return super().forward(input_ids, past_key_values=past_key_values, **more)

    def save_pretrained(self, *where: Any, **how: Any) -> None:
        """As transformers, but nothing asks for the balance in the folder, or transformers could not generate from it."""
        asked, self.config.output_router_logits = self.config.output_router_logits, False
        try:
            super().save_pretrained(*where, **how)
        finally:
            self.config.output_router_logits = asked


AutoModelForCausalLM.register(MixtralConfig, MixtralForCausalLM, exist_ok=True)
