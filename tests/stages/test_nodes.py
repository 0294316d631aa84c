"""Several machines: the step of a Slurm job, composed; and run, with a srun that starts all machines' tasks on this one."""

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.errors import PipelineError
from stages import _ranks
from tests.conftest import ROOT

SRUN = """#!/bin/sh
shift 2
"$@" & first=$!
"$@" || exit 1
wait $first
"""


def test_each_machine_runs_torchrun_and_they_meet_at_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    command = shlex.join(_ranks.over_nodes("stages.pretrain", ["seed=2"], ranks=8, nodes=4))
    assert command == (
        f"srun --nodes=4 --ntasks-per-node=1 {sys.executable} -m torch.distributed.run --nnodes=4 --nproc-per-node=8 --rdzv-id=71 "
        f"--rdzv-backend=c10d --rdzv-endpoint={socket.gethostname()}:29500 --module stages.pretrain seed=2"
    )


def test_outside_a_job_several_machines_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(PipelineError, match="needs a job of Slurm") as fault:
        _ranks.launch("stages.pretrain", [], ranks=8, nodes=2)
    assert "hardware.nodes=1" in fault.value.mend


def test_the_tasks_of_two_machines_are_one_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "srun").write_text(SRUN)
    (tmp_path / "srun").chmod(0o755)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(_ranks, "PORT", port)
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    monkeypatch.chdir(ROOT)
    for name, value in {"SLURM_JOB_ID": "71", "PATH": f"{tmp_path}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    _ranks.launch("tests.stages.meeting", [str(tmp_path)], ranks=1, nodes=2)
    assert [(tmp_path / rank).read_text() for rank in ("0", "1")] == ["2 1", "2 1"]


def test_a_rank_that_the_system_kills_is_told_and_ends_the_stage_as_a_killed_one() -> None:
    """So stages/python tells what memory there was."""
    launch = "from stages import _ranks; _ranks.launch('tests.stages.dying', [], ranks=2, nodes=1)"
    done = subprocess.run([sys.executable, "-c", launch], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == _ranks.KILLED
    assert "rank 1 was ended by signal 9" in done.stderr
