"""Early stopping: the best weights by a held-out figure are kept, and given back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from pipeline.core.errors import PipelineError
from pipeline.train.checkpoint import beside_weights, copy_of_weights, load_weights

HELD_OUT = "val_loss"  # the figure, among those of an evaluation


@dataclass
class Patience:
    """How many evaluations in a row may bring nothing better; None: all of them, and nothing is kept."""

    evaluations: int | None
    section: str
    best: float | None = None
    best_step: int = 0
    since: int = 0
    kept: dict[str, Tensor] = field(default_factory=dict)

    def see(self, step: int, numbers: Mapping[str, float], module: nn.Module) -> None:
        """An evaluation of the module as it is. PipelineError where nothing was held out."""
        if self.evaluations is None:
            return
        if HELD_OUT not in numbers:
            raise PipelineError(
                f"{self.section}.early_stopping={self.evaluations} needs held-out text, and there is none",
                mend=f"{self.section}.early_stopping=null, or a larger share for val (split)",
            )
        self.since += 1
        if self.best is None or numbers[HELD_OUT] < self.best:
            self.best, self.best_step, self.since = numbers[HELD_OUT], step, 0
            self.kept = copy_of_weights(module)

    @property
    def over(self) -> bool:
        """Whether it is at an end."""
        return self.evaluations is not None and self.since >= self.evaluations

    def take(self, module: nn.Module) -> None:
        """Put the best weights into the module."""
        if self.kept:
            load_weights(module, self.kept)

    def told(self) -> dict[str, float]:
        """For the metrics: when the weights were best."""
        return {} if self.best is None else {"best_step": self.best_step, "best_val_loss": self.best}

    def state(self) -> dict[str, Any]:
        """What it remembers beside the weights, as JSON."""
        return {"best": self.best, "best_step": self.best_step, "since": self.since}

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any], module: nn.Module) -> None:
        """Put back the weights and what state() gave."""
        self.kept = beside_weights(module, tensors)
        self.best, self.best_step, self.since = state["best"], state["best_step"], state["since"]
