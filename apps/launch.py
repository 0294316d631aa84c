"""`make launch`: the script that runs the chain in a job of Slurm, or the command that submits it to Ray, for the settings as they are.

    make launch > chain.sbatch && sbatch chain.sbatch
    sh -c "$(make launch BY=ray)"

Both run `make repro` in this folder, which all machines must see under the same path. Under Slurm `pretrain` is on all machines of the job
(hardware.nodes), the other stages on the first. On several machines `pretrain` is told two minutes before the job ends, and keeps a
checkpoint; all else is told at the end, and has the seconds of Slurm's KillWait.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError
from pipeline.core.local import overlaid

SETTINGS = Path("params.yaml")
WARNING = 120  # seconds before the end of a job
CHAIN = "make --no-print-directory repro"


def slurm(hardware: Mapping[str, Any], folder: Path) -> str:
    """The script for sbatch. Machines are taken whole; steps get the signal before the end, not the script."""
    jobs = hardware["jobs"]
    asked = {
        "job-name": "scriptorium",
        "chdir": folder,
        "output": folder / ".run/slurm-%j.log",
        "nodes": hardware["nodes"],
        "ntasks-per-node": 1,
        "gpus-per-node": None if hardware["device"] == "cpu" else max(1, hardware["ranks"]),
        "partition": jobs["partition"],
        "time": jobs["minutes"],
        "signal": f"TERM@{WARNING}",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value is not None]
    return "\n".join(["#!/bin/sh", *lines, "#SBATCH --exclusive", "#SBATCH --mem=0", "set -eu", CHAIN]) + "\n"


def ray(hardware: Mapping[str, Any], folder: Path) -> str:
    """The command that submits it to the cluster of RAY_API_SERVER_ADDRESS. PipelineError for several machines."""
    if hardware["nodes"] > 1:
        message = f"a job of Ray runs on one machine, hardware.nodes is {hardware['nodes']}"
        raise PipelineError(message, mend="hardware.nodes=1; or make launch BY=slurm")
    gpus = [] if hardware["device"] == "cpu" else [f"--entrypoint-num-gpus={max(1, hardware['ranks'])}"]
    cpus = [f"--entrypoint-num-cpus={hardware['workers']}"] if hardware["workers"] else []
    inside = f"cd {shlex.quote(str(folder))} && {CHAIN}"
    return shlex.join([".venv/bin/ray", "job", "submit", *gpus, *cpus, "--", "sh", "-c", inside]) + "\n"


LAUNCHERS: Mapping[str, Callable[[Mapping[str, Any], Path], str]] = {"slurm": slurm, "ray": ray}


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("by", choices=LAUNCHERS)
    options = parser.parse_args()
    try:
        hardware = overlaid(yaml.safe_load(SETTINGS.read_text(encoding="utf-8")), Path())["hardware"]
        Path(".run").mkdir(exist_ok=True)  # Slurm makes no folder for its log
        sys.stdout.write(LAUNCHERS[options.by](hardware, Path(os.environ.get("PWD", Path.cwd()))))
    except PipelineError as fault:
        sys.exit(f"{fault}: {fault.mend}")


if __name__ == "__main__":
    main()
