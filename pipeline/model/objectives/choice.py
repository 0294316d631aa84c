"""The objectives that conf/objective may name. A new one is a file here, one there, and its class below."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pipeline.model.held_out import Evaluation, SlidingWindow
from pipeline.model.objective import LossSettings
from pipeline.model.objectives.causal import Causal
from pipeline.model.objectives.contrastive import Contrastive
from pipeline.model.objectives.masked import Masked
from pipeline.model.objectives.multi_token import MultiToken
from pipeline.model.objectives.prefix import Prefix
from pipeline.model.objectives.span import Span
from pipeline.model.shapes import Shape

Objective = Annotated[Causal | Prefix | MultiToken | Masked | Span | Contrastive, Field(discriminator="kind")]


@dataclass(frozen=True, kw_only=True)
class Teaching(LossSettings):
    """Which module is taught what, and how it is judged."""

    shape: Shape
    objective: Objective
    evaluation: Evaluation
    final_evaluation: SlidingWindow
