"""Send finished runs to W&B (or Trackio), the stages that were skipped included. Offline where there is no account.

Without a name: the run in the workspace, each stage and the whole. With names of experiments or commits: the whole of each.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from apps.revisions import revisions
from pipeline.core.errors import PipelineError
from pipeline.core.local import overlaid
from pipeline.core.track import STEP, Track, group_of, send, tracker_for
from pipeline.report.learning import read_rows
from pipeline.report.published import of_workspace, published

PARAMS, PLAN, METRICS, PLOTS = Path("params.yaml"), Path("plan/settings.json"), Path("metrics"), Path("plots")


def main() -> None:
    """One run of the tracker a stage that has metrics, and one for all; in one group."""
    options = arguments()
    if not PARAMS.is_file():
        sys.exit("there is no params.yaml, so no run to send\n  mend: make repro")
    settings: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    track = track_of(settings)
    try:
        told = named(track, options.names) if options.names else workspace(track, settings)
    except PipelineError as fault:
        sys.exit(f"publish: {fault}")
    place = f"{track.kind}'s files lie in {track.folder}"
    print(f"sent {told} of project {track.project}; {place}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.publish", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="RUN", nargs="*", help="experiments or commits; patterns such as 'beta-*' too")
    return parser.parse_args()


def workspace(track: Track, settings: dict[str, Any]) -> str:
    """Send what lies here, and say what was sent."""
    plan = json.loads(PLAN.read_text(encoding="utf-8")) if PLAN.is_file() else {"stages": []}
    stages = {stage["name"]: stage["settings"] for stage in plan["stages"] if (METRICS / f"{stage['name']}.json").is_file()}
    group = group_of(settings)
    whole = of_workspace(group)
    for stage, section in stages.items():
        send_stage(stage, section, group=group, track=track)
    send(track, whole)
    return f"{len(stages)} stages and the whole run as group {group}"


def named(track: Track, names: Sequence[str]) -> str:
    """Send the whole of other runs, each in a group of its name."""
    found = list(revisions(names))
    for one in found:
        send(track, published(one, one.name.replace("/", "-")))
    return f"{len(found)} whole runs: {', '.join(one.name for one in found)}"


def send_stage(stage: str, section: dict[str, Any], *, group: str, track: Track) -> None:
    """The stage's settings, its curve step by step, its metrics."""
    tracker = tracker_for(track, group=group, stage=stage, config=section)
    curve = PLOTS / f"{stage}.csv"
    for row in read_rows(curve) if curve.is_file() else ():
        tracker.log(int(row[STEP]), {name: value for name, value in row.items() if name != STEP})
    tracker.finish(json.loads((METRICS / f"{stage}.json").read_text(encoding="utf-8")))


def track_of(settings: dict[str, Any]) -> Track:
    """The section `track`, what conf/local says about it laid over; W&B where it names none."""
    section = overlaid(settings, Path())["track"]
    track = Track(**{field.name: section[field.name] for field in dataclasses.fields(Track)})
    return replace(track, kind="wandb") if track.kind == "none" else track


if __name__ == "__main__":
    main()
