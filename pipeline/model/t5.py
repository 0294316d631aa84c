"""An encoder and a decoder that looks at it: relative positions, RMSNorm, a gated feed-forward part (Raffel et al. 2020, Shazeer 2020).

It is built in the sizes of another kind, so that conf/model says them; it is no kind of conf/model, since it can't go on from a text.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import PretrainedConfig, T5Config

from pipeline.model.kind import Rotary
from pipeline.tokens.special import IDS, PAD


@dataclass(frozen=True, kw_only=True)
class EncoderDecoder(Rotary):
    """As many layers in each of both."""

    model_type: ClassVar[str] = "t5"
    joins: ClassVar[tuple[str, ...]] = ("SelfAttention.o", "EncDecAttention.o", "DenseReluDense.wo")

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """transformers' configuration. Its own dropout is off: build puts ours in every kind alike."""
        own: dict[str, Any] = {
            "num_layers": self.layers,
            "d_model": self.hidden_size,
            "num_heads": self.heads,
            "d_kv": self.head_size,
            "d_ff": self.inner,
            "feed_forward_proj": f"gated-{self.activation}",
            "dropout_rate": 0.0,
            "decoder_start_token_id": IDS[PAD],
            "max_position_embeddings": self.context,
        }
        return T5Config(**own, **common)

    @classmethod
    def mixing_flops(cls, config: PretrainedConfig, *, length: int) -> int:
        """Of the encoder. The decoder's rows are short; what it looks up in the encoder is left out."""
        return 12 * int(config.num_layers) * int(config.num_heads) * int(config.d_kv) * length

    @classmethod
    def held(cls, config: PretrainedConfig, *, tokens: int) -> int:
        """What is added to the scores for each distance."""
        return int(config.num_heads) * tokens * tokens
