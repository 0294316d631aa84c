"""What a step must look like before it is taken: numbers, and no spike beside the steps before it."""

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from pipeline.core.errors import Diverged
from pipeline.core.files import write_json
from pipeline.train import ranks
from pipeline.train.workspace import Workspace

Factor = Annotated[float, Field(gt=1)]
REFUSED = "refused.json"  # in scratch: what was seen
SHOWN = 12  # rows that the message names


@dataclass(frozen=True, kw_only=True)
class Spikes:
    """When a step is refused, and what follows. A figure that is no number is always refused."""

    loss: Factor | None  # times the running median; None: any finite loss is taken
    norm: Factor | None  # of the gradient, before it is clipped; times the running median
    window: PositiveInt  # steps of the median; as many are seen before anything is a spike
    action: Literal["stop", "skip"]
    max_skipped: PositiveInt  # steps of the whole run; one more stops


@dataclass
class Guard:
    """Judges each step before the weights move. Remembers the figures of the steps that were taken."""

    settings: Spikes
    workspace: Workspace
    skipped: int = 0
    losses: deque[float] = field(init=False)
    norms: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.losses, self.norms = deque(maxlen=self.settings.window), deque(maxlen=self.settings.window)

    def passes(self, step: int, rows: npt.NDArray[np.int64], *, loss: float, norm: float) -> bool:
        """Whether the step is taken. PipelineError where it stops the run; it names the step and the rows, and what was seen is written."""
        limits = {"loss": _limit(self.losses, self.settings.loss), "norm": _limit(self.norms, self.settings.norm)}
        seen = {"loss": loss, "norm": norm}
        wrong = [name for name, value in seen.items() if not value <= limits[name] or not math.isfinite(value)]
        if not wrong:
            self.losses.append(loss)
            self.norms.append(norm)
            return True
        self.skipped += 1
        self._note(step, rows, seen, limits)
        if self.settings.action == "stop" or self.skipped > self.settings.max_skipped:
            self._stop(step, rows, seen, {name: limits[name] for name in wrong})
        return False

    def _note(self, step: int, rows: npt.NDArray[np.int64], seen: dict[str, float], limits: dict[str, float]) -> None:
        if ranks.rank():
            return
        told = {name: {"found": repr(value), "limit": repr(limits[name])} for name, value in seen.items()}  # JSON has no nan
        self.workspace.scratch.mkdir(parents=True, exist_ok=True)
        write_json(self.workspace.scratch / REFUSED, {"step": step, "rows": rows.tolist()} | told)

    def _stop(self, step: int, rows: npt.NDArray[np.int64], seen: dict[str, float], wrong: dict[str, float]) -> None:
        at, path = self.workspace.section, self.workspace.scratch / REFUSED
        told = " and the ".join(
            f"{name} is {seen[name]:.6g}" + (f", allowed is {limit:.6g}" if math.isfinite(seen[name]) else "")
            for name, limit in wrong.items()
        )
        few = ", ".join(str(row) for row in rows[:SHOWN]) + (", …" if len(rows) > SHOWN else "")
        many = f"; {self.skipped} steps were refused, {at}.spikes.max_skipped is {self.settings.max_skipped}" * (
            self.settings.action == "skip"
        )
        message = f"{at} in step {step}: the {told}{many}. The step was not taken. Its batch: rows {few} ({path})"
        mend = self.workspace.gentler
        raise Diverged(
            message, mend=mend if self.settings.action == "skip" else f"{mend}, or {at}.spikes.action=skip, which leaves such steps out"
        )

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON."""
        return {"losses": list(self.losses), "norms": list(self.norms), "skipped": self.skipped}

    def load(self, state: dict[str, Any]) -> None:
        """Put back what state() gave."""
        self.losses.extend(state["losses"])
        self.norms.extend(state["norms"])
        self.skipped = state["skipped"]


def _limit(taken: deque[float], factor: float | None) -> float:
    """The largest figure that is no spike."""
    return median(taken) * factor if factor is not None and len(taken) == taken.maxlen else math.inf
