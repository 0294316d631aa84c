"""Send a finished run to W&B, the stages that were skipped included. Offline where there is no account."""

import csv
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.local import overlaid
from pipeline.core.track import Track, WandbTracker, group_of

PARAMS, PLAN, METRICS, PLOTS = Path("params.yaml"), Path("plan/settings.json"), Path("metrics"), Path("plots")


def main() -> None:
    """One W&B run a stage that has metrics, all in one group."""
    if not (PARAMS.is_file() and PLAN.is_file()):
        sys.exit("there is no params.yaml or no plan, so no run to send\n  mend: make repro")
    settings: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    plan = json.loads(PLAN.read_text(encoding="utf-8"))
    stages = {stage["name"]: stage["settings"] for stage in plan["stages"] if (METRICS / f"{stage['name']}.json").is_file()}
    if not stages:
        sys.exit("there are no metrics, so no run to send\n  mend: make repro")
    group, track = group_of(settings), track_of(settings)
    for stage, section in stages.items():
        send(stage, section, group=group, track=track)
    print(f"sent {len(stages)} stages as group {group} of project {track.project}; W&B's files lie in {track.folder}")


def send(stage: str, section: dict[str, Any], *, group: str, track: Track) -> None:
    """The stage's settings, its curve step by step, its metrics."""
    tracker = WandbTracker(track, group=group, stage=stage, config=section)
    for step, values in curve(PLOTS / f"{stage}.csv"):
        tracker.log(step, values)
    tracker.finish(json.loads((METRICS / f"{stage}.json").read_text(encoding="utf-8")))


def curve(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """(step, the other columns) of each row; nothing where there is no such file."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield int(float(row.pop("step"))), {name: float(value) for name, value in row.items() if value != ""}


def track_of(settings: dict[str, Any]) -> Track:
    """The section `track`, what conf/local says about it laid over."""
    section = overlaid(settings, Path())["track"]
    return Track(**{field.name: section[field.name] for field in dataclasses.fields(Track)})


if __name__ == "__main__":
    main()
