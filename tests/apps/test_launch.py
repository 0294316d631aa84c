"""`make launch`: what a cluster is told, composed from the settings; no cluster is asked."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from apps import launch
from pipeline.core.errors import PipelineError
from stages._settings import compose, plain

FOLDER = Path("/shared/our chain")


def hardware(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = plain(compose(list(words)))["hardware"]
    return found


def test_slurm_is_asked_for_whole_machines_with_a_gpu_a_rank(tmp_path: Path) -> None:
    script = launch.slurm(
        hardware("hardware=node8", "hardware.nodes=2", "hardware.jobs.partition=h100", "hardware.jobs.minutes=90"), FOLDER
    )
    asked = dict(line.removeprefix("#SBATCH --").split("=", 1) for line in script.splitlines() if "=" in line)
    assert {name: asked[name] for name in ("nodes", "gpus-per-node", "ntasks-per-node", "partition", "time", "signal", "chdir")} == {
        "nodes": "2", "gpus-per-node": "8", "ntasks-per-node": "1", "partition": "h100", "time": "90", "signal": "TERM@120",
        "chdir": str(FOLDER),
    }  # fmt: skip
    (tmp_path / "script").write_text(script)
    assert subprocess.run(["sh", "-n", tmp_path / "script"], check=False).returncode == 0
    assert script.endswith("set -eu\nmake --no-print-directory repro\n")


def test_what_is_not_set_is_not_asked_for() -> None:
    script = launch.slurm(hardware("hardware=cpu"), FOLDER)
    assert "gpus" not in script
    assert "partition" not in script


def test_ray_gets_the_chain_with_its_gpus_and_workers() -> None:
    command = launch.ray(hardware("hardware=node8", "hardware.workers=64"), FOLDER)
    assert command == (
        ".venv/bin/ray job submit --entrypoint-num-gpus=8 --entrypoint-num-cpus=64 -- sh -c "
        """'cd '"'"'/shared/our chain'"'"' && make --no-print-directory repro'\n"""
    )


def test_ray_refuses_several_machines() -> None:
    with pytest.raises(PipelineError, match="one machine"):
        launch.ray(hardware("hardware=node8", "hardware.nodes=2"), FOLDER)
