"""What a module is fitted to: rows of one length, and what it loses on them."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

Numbers = npt.NDArray[np.int64]


@runtime_checkable
class Objective(Protocol):
    """Rows of one length, and what a module loses on some of them."""

    rows: int
    tokens: int  # a row

    def loss(self, module: nn.Module, numbers: Numbers, device: str) -> tuple[Tensor, int]:
        """The sum of losses over what these rows predict, and how many predictions that are."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """An objective that can have rows ready before they are asked for, and knows what they cost."""

    def expect(self, numbers: Numbers, device: str) -> None:
        """These rows come next."""
        ...

    def flops(self, module: Any) -> int:
        """Operations to train on a token."""
        ...


@runtime_checkable
class Drawing(Protocol):
    """An objective that draws by lot what a step hides or cuts."""

    def draw(self, step: int) -> None:
        """The noise of this step comes next: the same whenever the step is taken."""
        ...


@runtime_checkable
class Phased(Protocol):
    """One whose data can be read in other ways, for phases that ask for it."""

    def view(self, best: float, length: int | None) -> Objective:
        """The best share of the tokens, in rows of another length."""
        ...

    def rope(self, module: nn.Module, theta: float) -> None:
        """Give the module another base of RoPE."""
        ...

    def refuse_rope(self, module: nn.Module) -> None:
        """PipelineError for a module that has none."""
        ...
