"""The rules of safety as the settings of a run have them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.evaluate.benchmarks.rows import problems
from pipeline.evaluate.kinds.refusals import COLUMNS, request_of
from pipeline.serve.withholding import Rules
from pipeline.text.reading.sources import HUB

CONF = Path("conf/tasks/safety.yaml")


def rules_of(settings: Mapping[str, Any]) -> Rules | None:
    """Those of the task `safety` of the settings, else as conf/ has it; None where neither is."""
    task = settings.get("tasks", {}).get("safety")
    if task is None and CONF.is_file():
        task = yaml.safe_load(CONF.read_text(encoding="utf-8"))["tasks"]["safety"]
    if task is None:
        return None
    return Rules(refusal=task["refusal"], requests=_requests(settings, task["files"]))


def _requests(settings: Mapping[str, Any], files: str | None) -> list[str]:
    """The harmful ones of the task's files; a data set of the hub is not fetched for this."""
    if files is None or files.startswith(HUB):
        return []
    found = problems(Path(settings["split"]["benchmarks"]), files, request_of, COLUMNS, key="tasks.safety.files")
    return [messages[-1]["content"] for _, (messages, harmful) in found if harmful]
