"""A whole run as an experiment tracker is sent it, and back: one run for all stages,
so that two experiments are compared in one view though stages were skipped.

The configuration is the settings of all sections, with what the run was made of under `record`: the bytes of each artifact as DVC calls
them, and a name for the code of each stage. A metric is STAGE/NAME, a column of a curve STAGE/by_step/COLUMN.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pipeline.core.errors import InputError
from pipeline.core.local import APART
from pipeline.core.nested import flat
from pipeline.core.scratch import key_of
from pipeline.core.track import STEP, PipelineRun, Table
from pipeline.report.compared import ComparedRun
from pipeline.report.revisions import WORKSPACE, Revision

JOB = "pipeline"  # the job type of such a run
RECORD = "record"  # the key of the configuration that is no section
FINGERPRINTS = "fingerprints.json"  # the file with the code of each stage
BY_STEP = "/by_step/"
PAGE, SAMPLES, ANSWERS = "data/report/index.html", "data/pretrain/samples.json", "data/contest/answers.jsonl"
QUESTIONS = 100  # of which the answers are sent


def published(revision: Revision, name: str) -> PipelineRun:
    """What is sent of a run; `name` is that of its group. InputError where it has no metrics."""
    run = revision.run()
    if not run.metrics:
        raise InputError(f"{run.name} has no metrics, so there is no run to send", mend="make repro")
    stages = list(dict.fromkeys([*run.metrics, *run.curves]))
    record = {"stages": stages, "hashes": dict(run.hashes), "code": {stage: key_of(own) for stage, own in run.code.items()}}
    told = {key: section for key, section in run.settings.items() if key not in APART}
    page = _bytes(revision, PAGE)
    return PipelineRun(
        name=name,
        job=JOB,
        config={**told, RECORD: record},
        metrics={f"{stage}/{key}": value for stage, own in run.metrics.items() for key, value in flat(own) if value is not None},
        curves={f"{stage}{BY_STEP}": rows for stage, rows in run.curves.items()},
        tables={name: table for name, table in (("samples", _samples(revision)), ("answers", _answers(revision))) if table.rows},
        page=None if page is None else page.decode(),
        artifacts=run.hashes,
        files={FINGERPRINTS: run.code},
    )


def of_workspace(name: str) -> PipelineRun:
    """The run that lies here."""
    return published(Revision(WORKSPACE), name)


def unpublished(
    name: str, origin: str, *, config: Mapping[str, Any], summary: Mapping[str, Any], history: Iterable[Mapping[str, Any]], code: Any
) -> ComparedRun:
    """What a tracker gives back, to be compared. InputError where it was not sent by `published`."""
    if not isinstance(record := config.get(RECORD), Mapping):
        raise InputError(f"{name} is no run of a whole pipeline", mend="make publish sends one")
    metrics: dict[str, dict[str, Any]] = {}
    stages = sorted(record["stages"], key=len, reverse=True)  # of align/dpo and align the longer
    for key, value in summary.items():
        stage = next((stage for stage in stages if key.startswith(f"{stage}/")), None)
        if stage is not None and BY_STEP not in key and isinstance(value, int | float | str):
            metrics.setdefault(stage, {})[key.removeprefix(f"{stage}/")] = value
    curves: dict[str, list[dict[str, float]]] = {}
    for row in history:
        own: dict[str, dict[str, float]] = {}
        for key, value in row.items():
            stage, by_step, column = key.partition(BY_STEP)
            if by_step and isinstance(value, int | float):
                own.setdefault(stage, {})[column] = float(value)
        for stage, point in own.items():
            curves.setdefault(stage, []).append(point)
    return ComparedRun(
        name=name,
        origin=origin,
        settings={key: value for key, value in config.items() if key not in (RECORD, "_wandb")},
        metrics={stage: metrics[stage] for stage in record["stages"] if stage in metrics},
        curves={stage: sorted(rows, key=lambda row: row[STEP]) for stage, rows in curves.items()},
        code=code or {stage: {"code": {f"all code of {stage}": key}} for stage, key in record["code"].items()},
        hashes=record["hashes"],
    )


def _samples(revision: Revision) -> Table:
    """What the base model wrote while it learned."""
    content = _bytes(revision, SAMPLES)
    kept = orjson.loads(content) if content else []
    return Table(("step", "number", "text"), [(row["step"], number, text) for row in kept for number, text in enumerate(row["texts"], 1)])


def _answers(revision: Revision) -> Table:
    """The answers of every model and file to some questions."""
    lines = (_bytes(revision, ANSWERS) or b"").splitlines()[:QUESTIONS]
    rows = [
        (row["id"], row["messages"][-1]["content"], model, way, one["text"], one.get("gold"), one.get("reward"))
        for row in map(orjson.loads, lines)
        for model, said in row["answers"].items()
        for way, one in said.items()
        if isinstance(one, Mapping) and "text" in one
    ]
    return Table(("id", "question", "model", "way", "answer", "gold", "reward"), rows)


def _bytes(revision: Revision, path: str) -> bytes | None:
    try:
        with revision.open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
