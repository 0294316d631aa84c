"""A duration becomes a number of steps, once, before the first of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar

from pipeline.core.errors import PipelineError
from pipeline.core.files import read_json, write_json
from pipeline.core.owned import remove_folder
from pipeline.train import ranks
from pipeline.train.duration import Duration, Pace
from pipeline.train.recipe import Recipe
from pipeline.train.stop import Interrupted, InterruptedTrial
from pipeline.train.workspace import Workspace

R = TypeVar("R", bound=Recipe)
Pauses = Mapping[int, Callable[[], object]]  # what interrupts the steps, by its interval in steps

KEPT = "steps.json"  # in scratch
TRIAL = 1000  # steps at most
UNTIMED = 1  # the first step makes room and compiles
WINDOW = 8  # timed steps at least: dialogues of every length come within so many (align/order)
SHARE, MOST = 0.05, 0.2  # of the time asked for: what a trial takes, and what it may take for the sake of a window
LONGEST = 60.0  # seconds: more would tell no more


def settled(recipe: R, pace: Pace, workspace: Workspace, trial: Callable[[R, Workspace], object], pauses: Pauses | None = None) -> R:
    """The recipe with its duration in steps: by the data, or, where it is a time, by the speed of a trial.

    `trial` learns with copies that are thrown away, as the recipe says that it is given, and tracks every step. What the trial took is part
    of the time. The number of steps is kept in scratch before the first of them, so a run that was killed ends where it would have ended;
    the same number given as `N steps` gives the same bits. PipelineError where the steps are too few for the recipe.
    """
    duration = recipe.duration
    steps = _kept(recipe, workspace, trial, pauses or {}) if duration.seconds else pace.steps(duration)
    if steps < recipe.least_steps:
        at, told = workspace.section, Duration(steps, "steps")
        message = f"{at}.duration={duration} comes to {told}, no more than {at}.warmup_steps: the learning rate would never reach its value"
        raise PipelineError(message, mend=f"{at}.warmup_steps={max(0, steps - 1) // 2}, or a longer {at}.duration")
    return recipe.lasting(steps)


def _kept(recipe: R, workspace: Workspace, trial: Callable[[R, Workspace], object], pauses: Pauses) -> int:
    """The steps that fit into the time, as they were found when this work began."""
    path = workspace.scratch / KEPT
    if not path.is_file():
        steps, seconds = ranks.of_first(_measured(recipe, workspace, trial, pauses), workspace.device)
        if steps < recipe.least_steps:
            return steps  # not kept: the machine may be less busy the next time
        if ranks.rank():
            return steps
        write_json(path, {"steps": steps})
        workspace.track(0, {"steps": steps, "seconds_per_step": seconds})
    return int(read_json(path)["steps"])


def _measured(recipe: R, workspace: Workspace, trial: Callable[[R, Workspace], object], pauses: Pauses) -> tuple[int, float]:
    """The steps that fit into the time, and the seconds of one."""
    place, watch = workspace.scratch / (f"trial-{ranks.rank()}" if ranks.rank() else "trial"), _Stopwatch(recipe, workspace.device)
    remove_folder(place)
    try:
        here = replace(workspace, scratch=place, track=watch.track, measured=recipe.duration)
        trial(recipe.lasting(max(TRIAL, recipe.least_steps)), here)
    except _Enough:
        pass
    except Interrupted:
        raise InterruptedTrial(recipe.duration) from None
    finally:
        remove_folder(place)
    seconds = watch.seconds_a_step * recipe.step_share + sum(_seconds(pause) / interval for interval, pause in pauses.items())
    return max(1, int(watch.left / seconds)), seconds


class _Enough(Exception):
    """Ends a trial."""


class _Stopwatch:
    """Times the steps of a trial, and ends it."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        self._asked, self._device = recipe.duration.seconds or 0.0, device
        self._ends, self._began = list[float](), perf_counter()

    def track(self, step: int, values: Mapping[str, float]) -> None:
        """A step has ended."""
        self._ends.append(perf_counter())
        timed, spent = len(self._ends) - UNTIMED, self._ends[-1] - self._began
        enough = (timed >= WINDOW and spent >= min(SHARE * self._asked, LONGEST)) or (timed >= 1 and spent >= MOST * self._asked)
        if ranks.of_first(enough, self._device):
            raise _Enough

    @property
    def seconds_a_step(self) -> float:
        """The mean, without the first."""
        return (self._ends[-1] - self._ends[UNTIMED - 1]) / (len(self._ends) - UNTIMED)

    @property
    def left(self) -> float:
        """Seconds of the time asked for."""
        return self._asked - (perf_counter() - self._began)


def _seconds(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
