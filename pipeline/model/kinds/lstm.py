"""No attention: a state and a memory, which gates write, forget and read (Hochreiter and Schmidhuber 1997). A baseline."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from pipeline.model.own import OwnConfig, register
from pipeline.model.recurrent import Recurrent, RecurrentBody, RecurrentLayer


class LstmConfig(OwnConfig):
    """Its configuration in transformers' words."""

    model_type = "lstm"


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """A model of kind lstm."""

    kind: Literal["lstm"]
    activation: Literal["tanh"]

    model_type: ClassVar[str] = "lstm"
    config: ClassVar[type[OwnConfig]] = LstmConfig
    states: ClassVar[int] = 2


class LstmLayer(RecurrentLayer):
    """A layer of it."""

    cell = nn.LSTM


class LstmModel(RecurrentBody):
    """Its body."""

    config_class = LstmConfig
    layer = LstmLayer


register(LstmConfig, LstmModel)
