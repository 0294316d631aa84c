"""Where the numbers of a run are sent. The truth stays in metrics/ and plots/; a tracker only shows it.

Each kind has a file of its own, the only one that knows its package: track_wandb, track_trackio.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.core.bounds import Name
from pipeline.core.local import APART
from pipeline.core.scratch import key_of

STEP = "step"  # the column of a curve's rows by which the others are drawn


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

    kind: Literal["none", "wandb", "trackio"]
    project: Name
    mode: Literal["online", "offline", "auto"]
    folder: Name


@dataclass(frozen=True)
class Table:
    """Rows under column heads."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """A finished run of all stages, as one run of a tracker."""

    name: str
    job: str  # its job type
    config: Mapping[str, Any]
    metrics: Mapping[str, float | str]
    curves: Mapping[str, Sequence[Mapping[str, float]]]  # by the prefix of the columns; each row has a STEP
    tables: Mapping[str, Table]
    page: str | None  # HTML
    artifacts: Mapping[str, str]  # by path the hash of the content, which stays where it is
    files: Mapping[str, Any]  # by name the content, as JSON


def tracker_for(settings: Track, *, group: str, stage: str, config: Mapping[str, Any]) -> Tracker:
    """The tracker of a stage that the settings name. PipelineError where its package is not installed."""
    if settings.kind == "none":
        return NoTracker()
    if settings.kind == "trackio":
        from pipeline.core.track_trackio import TrackioTracker

        return TrackioTracker(settings, group=group, stage=stage, config=config)
    from pipeline.core.track_wandb import WandbTracker

    return WandbTracker(settings, group=group, stage=stage, config=config)


def send(settings: Track, run: PipelineRun) -> None:
    """Send a whole run to the tracker that the settings name. PipelineError where its package is not installed."""
    if settings.kind == "wandb":
        from pipeline.core.track_wandb import send_pipeline

        send_pipeline(settings, run)
    elif settings.kind == "trackio":
        from pipeline.core.track_trackio import send_pipeline as send_there

        send_there(settings, run)


def group_of(settings: Mapping[str, Any]) -> str:
    """The name that all stages of one run share: the one that PIPELINE_RUN or DVC states, else one that stands for the settings."""
    stated = os.environ.get("PIPELINE_RUN") or os.environ.get("DVC_EXP_NAME")
    return stated or key_of({name: value for name, value in settings.items() if name not in APART})
