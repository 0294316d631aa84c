"""In which numbers the products of a step are computed. Weights, gradients and sums stay in fp32."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from pipeline.core.errors import PipelineError

Precision = Literal["fp32", "bf16", "fp16", "fp8"]
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp8": torch.bfloat16}  # fp8: what train/fp8 leaves

FIRST = 2.0**16  # the scale of the mean loss; as torch.amp.GradScaler, which owns an optimizer and so can't be used here
GROWTH, BACKOFF, INTERVAL = 2.0, 0.5, 2000  # the scale grows after so many steps without an overflow
LEAST = 2.0**-14  # the smallest normal number of fp16: below it nothing is left to scale


def products(precision: Precision, device: str) -> AbstractContextManager[Any]:
    """What a forward pass runs in."""
    return torch.autocast(torch.device(device).type, dtype=DTYPES.get(precision, torch.bfloat16), enabled=precision in DTYPES)


@dataclass
class LossScale:
    """fp16 loses gradients below 6e-8: the loss is scaled up before it is differentiated. Powers of two, which change no bit in fp32.

    A step whose gradients overflow is left out, and the scale halved (Micikevicius et al. 2018).
    """

    on: bool
    section: str
    scale: float = FIRST
    good: int = 0  # steps since the scale changed

    def factor(self, counted: int) -> float:
        """What a sum of losses over about `counted` predictions is multiplied by: that of their mean, as a power of two."""
        return self.scale / 2.0 ** (counted.bit_length() - 1) if self.on else 1.0

    def overflowed(self, step: int, norm: float) -> bool:
        """Whether the step is left out. PipelineError when no scale helps."""
        if not self.on:
            return False
        if norm < float("inf"):
            self.good += 1
            if self.good == INTERVAL:
                self.scale, self.good = self.scale * GROWTH, 0
            return False
        self.scale, self.good = self.scale * BACKOFF, 0
        if self.scale < LEAST:
            message = f"{self.section} in step {step}: gradients overflow in fp16 at any scale of the loss"
            raise PipelineError(message, mend=f"{self.section}.precision=bf16 or fp32, or a lower learning rate")
        return True

    def state(self) -> dict[str, float]:
        """As JSON."""
        return {"scale": self.scale, "good": self.good}

    def load(self, state: dict[str, float]) -> None:
        """Put back what state() gave."""
        self.scale, self.good = float(state["scale"]), int(state["good"])
