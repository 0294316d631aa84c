"""Where the curves of a run are sent while it runs. The only file that knows wandb.

The truth stays in metrics/ and plots/; a tracker only shows it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from pipeline.core.local import APART
from pipeline.core.scratch import key_of


class Tracker(Protocol):
    """Something that takes numbers by step and, at the end, the stage's metrics."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step of the stage."""

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """The stage's final metrics; nothing comes after."""


class NoTracker:
    """Nobody watches."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Forget them."""

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Forget them."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """The section `track` of the configuration."""

    kind: Literal["none", "wandb"]
    project: str
    mode: Literal["online", "offline", "auto"]
    folder: str


class WandbTracker:
    """One W&B run a stage, all stages of a pipeline run in one group."""

    def __init__(self, settings: Track, *, group: str, stage: str, config: Mapping[str, Any]) -> None:
        import wandb  # only here: an import of .6 s that most runs do not need

        mode = settings.mode
        if mode == "auto":
            mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
        Path(settings.folder).mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=settings.project,
            group=group,
            job_type=stage,
            name=f"{group}-{stage}",
            id=f"{group}-{stage}".replace("/", "-"),
            resume="allow",
            mode=mode,
            dir=settings.folder,
            config={stage: dict(config)},
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of a step."""
        self._run.log(dict(values), step=step)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Put the metrics into the run's summary and close it."""
        self._run.summary.update(dict(metrics))
        self._run.finish()


def tracker_for(settings: Track, *, group: str, stage: str, config: Mapping[str, Any]) -> Tracker:
    """The tracker that the settings name."""
    if settings.kind == "none":
        return NoTracker()
    return WandbTracker(settings, group=group, stage=stage, config=config)


def group_of(settings: Mapping[str, Any]) -> str:
    """The name that all stages of one run share: the one that PIPELINE_RUN or DVC states, else one that stands for the settings."""
    stated = os.environ.get("PIPELINE_RUN") or os.environ.get("DVC_EXP_NAME")
    return stated or key_of({name: value for name, value in settings.items() if name not in APART})
