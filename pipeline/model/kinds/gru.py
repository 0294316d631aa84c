"""No attention: a state, which gates keep or renew (Cho et al. 2014). A baseline."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from pipeline.model.own import OwnConfig, register
from pipeline.model.recurrent import Recurrent, RecurrentBody, RecurrentLayer


class GruConfig(OwnConfig):
    """Its configuration in transformers' words."""

    model_type = "gru"


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """A model of kind gru."""

    kind: Literal["gru"]
    activation: Literal["tanh"]

    model_type: ClassVar[str] = "gru"
    config: ClassVar[type[OwnConfig]] = GruConfig


class GruLayer(RecurrentLayer):
    """A layer of it."""

    cell = nn.GRU


class GruModel(RecurrentBody):
    """Its body."""

    config_class = GruConfig
    layer = GruLayer


register(GruConfig, GruModel)
