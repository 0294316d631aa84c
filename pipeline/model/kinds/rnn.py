"""No attention: a state that each token changes through a matrix (Elman 1990). A baseline."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn
from transformers import PretrainedConfig

from pipeline.model.own import OwnConfig, register
from pipeline.model.recurrent import Recurrent, RecurrentBody, RecurrentLayer


class RnnConfig(OwnConfig):
    """Its configuration in transformers' words."""

    model_type = "rnn"
    hidden_act: str = "tanh"


@dataclass(frozen=True, kw_only=True)
class Rnn(Recurrent):
    """A model of kind rnn. Its state is by itself twice as wide as the stream."""

    kind: Literal["rnn"]
    activation: Literal["tanh", "relu"]

    model_type: ClassVar[str] = "rnn"
    config: ClassVar[type[OwnConfig]] = RnnConfig

    @property
    def inner(self) -> int:
        """As it stands, or twice the width."""
        return 2 * self.hidden_size if self.intermediate_size == "auto" else self.intermediate_size

    def configure(self, common: dict[str, Any]) -> PretrainedConfig:
        """Also the activation."""
        return super().configure(common | {"hidden_act": self.activation})


class RnnLayer(RecurrentLayer):
    """A layer of it."""

    def make(self, config: RnnConfig) -> nn.RNN:
        """torch's layer."""
        return nn.RNN(config.hidden_size, config.intermediate_size, nonlinearity=config.hidden_act, batch_first=True)


class RnnModel(RecurrentBody):
    """Its body."""

    config_class = RnnConfig
    layer = RnnLayer


register(RnnConfig, RnnModel)
