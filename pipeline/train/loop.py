"""The loop that every method of ours shares: steps, history, checkpoints, stopping, going on."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from pipeline.train import ranks
from pipeline.train.checkpoint import Checkpoints
from pipeline.train.noise import noise
from pipeline.train.recipe import Recipe
from pipeline.train.sharding import gathered
from pipeline.train.speed import use_of
from pipeline.train.stop import Interrupted, Stop
from pipeline.train.workspace import History, Row, Workspace


class Learner(Protocol):
    """A method: what it does in one step, and all that it must remember between two."""

    per_step: Mapping[str, float]  # what a step works through ({"tokens": 1536}), for the rates that are tracked; of "flops" also the MFU

    @property
    def finished(self) -> bool:
        """Whether it has learned enough before the last step; read after each."""
        ...

    def step(self, step: int, *, last: bool) -> Row | None:
        """Learn once (steps count from 0); the figures of the step, or None where it has nothing to tell."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer states by name."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything else, as JSON."""
        ...

    def load(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Put back what tensors() and state() gave."""
        ...


def train(learner: Learner, recipe: Recipe, workspace: Workspace) -> History:
    """Take all steps, or those until the learner has finished, and return the history.

    The same arguments give the same bits; so does a run that was stopped or killed and started again with the same scratch.
    Interrupted after SIGTERM or Ctrl-C, with a checkpoint.
    """
    checkpoints = Checkpoints(workspace.scratch / "checkpoints", recipe.checkpoint_every)
    done, history = _resume(checkpoints, learner)
    clock = _Clock(done)
    with Stop() as stop:
        for step in workspace.steps(done, recipe.steps):
            done, last = step + 1, step + 1 == recipe.steps
            with noise(recipe.seed, step, workspace.device, rank=ranks.rank()):
                row = learner.step(step, last=last)
            if row is not None:
                workspace.refuse_nan(done, **row)
                history.append({"step": done, **row})
                rate = clock.rate(done)
                rates = {f"{what}_per_second": rate * much for what, much in learner.per_step.items()}
                use = use_of(workspace.device, rates.get("flops_per_second"), ranks=ranks.world())
                workspace.track(done, history[-1] | rates | use)
            if learner.finished:
                break
            asked = ranks.any_of(stop.asked, workspace.device)
            if (checkpoints.due(done) or asked) and not last:
                tensors = gathered(learner.tensors())
                if ranks.rank() == 0:
                    checkpoints.save(done, tensors, {"history": history, "learner": learner.state()})
            if asked and not last:
                raise Interrupted(done)
    return history


def _resume(checkpoints: Checkpoints, learner: Learner) -> tuple[int, History]:
    """Steps done and history of the newest whole checkpoint, its state put back; or a beginning."""
    if (found := checkpoints.latest()) is None:
        return 0, []
    step, tensors, state = found
    learner.load(tensors, state["learner"])
    return step, state["history"]


class _Clock:
    """Steps a second since it was asked last."""

    def __init__(self, step: int) -> None:
        self._step, self._time = step, time.perf_counter()

    def rate(self, step: int) -> float:
        now = time.perf_counter()
        rate = (step - self._step) / max(1e-9, now - self._time)
        self._step, self._time = step, now
        return rate
