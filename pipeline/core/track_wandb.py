"""Weights & Biases: a run for each stage, and one for the whole pipeline, all in one group. Offline where there is no account."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb  # imported where a run is tracked only: it takes 0.3 s

from pipeline.core.track import STEP, PipelineRun, Track

_AGENT = {"sweep_id": "WANDB_SWEEP_ID", "run_id": "WANDB_RUN_ID", "sweep_param_path": "WANDB_SWEEP_PARAM_PATH"}
# What an agent of a sweep tells its command, hidden from W&B, which would take each stage for the run that the sweep waits for.
_SWEEP = {key: value for key, name in _AGENT.items() if (value := os.environ.pop(name, ""))}


class WandbTracker:
    """One W&B run a stage."""

    def __init__(self, settings: Track, *, group: str, stage: str, config: Mapping[str, Any]) -> None:
        self._run = _begun(settings, group=group, job=stage, name=f"{group}-{stage}", config={stage: dict(config)})

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of a step."""
        self._run.log(dict(values), step=step)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Put the metrics into the run's summary and close it."""
        self._run.summary.update(dict(metrics))
        self._run.finish()


def send_pipeline(settings: Track, whole: PipelineRun) -> None:
    """The whole run as one of W&B. Sent once more, it is the same run: W&B passes over steps that it has.

    Where an agent of a sweep began the pipeline, it is the run that the sweep waits for.
    """
    run = _begun(settings, group=whole.name, job=whole.job, name=whole.name, config=whole.config, sweep=_SWEEP)
    step = 0
    for prefix, rows in whole.curves.items():
        run.define_metric(f"{prefix}*", step_metric=f"{prefix}{STEP}")
        for row in rows:
            run.log({f"{prefix}{column}": value for column, value in row.items()}, step=step)
            step += 1
    shown: dict[str, Any] = {
        name: wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows]) for name, table in whole.tables.items()
    }
    if whole.page is not None:
        shown["report"] = wandb.Html(whole.page, inject=False)
    if shown:
        run.log(shown, step=step)
    for name, content in whole.files.items():
        place = Path(run.dir) / name
        place.write_text(json.dumps(content), encoding="utf-8")
        run.save(str(place), base_path=run.dir, policy="now")
    for path, digest in whole.artifacts.items():
        parts = Path(path).parts[1:] or (path,)
        artifact = wandb.Artifact("-".join(parts), type=parts[0], metadata={"path": path, "md5": digest})
        with artifact.new_file("dvc.json") as file:  # equal content is an equal version of the artifact
            json.dump({"path": path, "md5": digest}, file)
        run.log_artifact(artifact)
    run.summary.update(dict(whole.metrics))
    run.finish()


def _begun(settings: Track, *, group: str, job: str, name: str, config: Mapping[str, Any], sweep: Mapping[str, str] | None = None) -> Any:
    mode = settings.mode
    if mode == "auto":
        mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
    Path(settings.folder).mkdir(parents=True, exist_ok=True)
    return wandb.init(
        project=settings.project,
        group=group,
        job_type=job,
        name=name,
        id=(sweep or {}).get("run_id") or f"{group}-{job}".replace("/", "-"),
        resume="allow",
        mode=mode,
        dir=settings.folder,
        config=dict(config),
        # a new one: that of the stage report is open while the whole is sent
        settings=wandb.Settings(silent=True, console="off", reinit="create_new", **(sweep or {})),
    )
