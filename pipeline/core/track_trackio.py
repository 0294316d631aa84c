"""Trackio: W&B's calls with a database and a page on this machine, for those without an account. An optional package."""

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.core.nested import numbers_of
from pipeline.core.track import STEP, PipelineRun, Track

PACKAGE = "trackio>=0.43,<0.44"
_FOLDER = "TRACKIO_DIR"  # of the environment: where it keeps its database


class TrackioTracker:
    """One run a stage, all stages of a pipeline run in one group."""

    def __init__(self, settings: Track, *, group: str, stage: str, config: Mapping[str, Any]) -> None:
        self._run = _begun(settings, group=group, name=f"{group}-{stage}", config={stage: dict(config)})
        self._last = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the numbers of a step."""
        self._run.log(dict(values), step=step)
        self._last = step

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Trackio has no summary: the metrics are the numbers of the last step."""
        if found := numbers_of(metrics):
            self._run.log(found, step=self._last)
        self._run.finish()


def send_pipeline(settings: Track, whole: PipelineRun) -> None:
    """The whole run as one of Trackio."""
    run = _begun(settings, group=whole.name, name=whole.name, config=whole.config)
    trackio = _package()
    for prefix, rows in whole.curves.items():
        for row in rows:
            run.log({f"{prefix}{column}": value for column, value in row.items()}, step=int(row[STEP]))
    shown: dict[str, Any] = numbers_of(whole.metrics)
    for name, table in whole.tables.items():
        shown[name] = trackio.Table(columns=list(table.columns), data=[list(row) for row in table.rows])
    if whole.page is not None:
        shown["report"] = trackio.Html(whole.page)
    run.log(shown)
    run.finish()


def _begun(settings: Track, *, group: str, name: str, config: Mapping[str, Any]) -> Any:
    Path(settings.folder).mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(_FOLDER, str(Path(settings.folder).absolute()))  # looked at when the package is imported
    told = {"config": dict(config), "resume": "allow", "embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
    with redirect_stdout(io.StringIO()):  # how to open its page; docs/comparing.md says it too
        return _package().init(project=settings.project, group=group, name=name, **told)


def _package() -> Any:
    try:
        import trackio
    except ModuleNotFoundError as fault:
        raise PipelineError("track=trackio needs the package trackio", mend=f".venv/bin/pip install '{PACKAGE}', or track=none") from fault
    return trackio
