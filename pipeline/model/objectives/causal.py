"""Predict each token from those before it."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from transformers import PreTrainedModel

from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
from pipeline.model.objective import NextToken
from pipeline.model.objectives.base import PLAIN, Data, ObjectiveKind, Terms
from pipeline.tokens.rows import Rows


@dataclass(frozen=True, kw_only=True)
class Causal(ObjectiveKind):
    """The next token, of any kind of model."""

    kind: Literal["causal"]

    masks: ClassVar[bool] = False

    def over(self, rows: Rows, *, context: int, seed: int, terms: Terms = PLAIN) -> NextToken:
        """The loss over rows; nothing in it is drawn by lot."""
        return NextToken(rows, context=context, **vars(terms))

    def evaluate(self, module: PreTrainedModel, data: Data, settings: Evaluation, *, seed: int) -> tuple[dict[str, float], list[str]]:
        """The loss over some rows, and texts that go on from held-out documents."""
        return evaluate(module, data.held_out, data.codec, settings, seed=seed)

    def figures(self, module: PreTrainedModel, data: Data, settings: SlidingWindow, *, seed: int) -> dict[str, Any]:
        """Bits per byte."""
        return bits_per_byte(module, data.held_out, settings)
