"""A stage that gets no memory says so, and names the setting that takes less: when a library tells it, and when the system killed it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.core.memory import OutOfMemory, kills
from stages._memory import lack_told, less, told_of_kill


@pytest.mark.parametrize(
    ("section", "mend"),
    [
        ({"batch_size": 16, "micro_batch": None}, "sft.micro_batch=8"),
        ({"batch_size": 16, "micro_batch": 4}, "sft.micro_batch=2"),
        ({"rollout_batch": 64, "mini_batch_size": 15, "micro_batch": None}, "sft.micro_batch=5"),
        ({"batch_size": 128}, "sft.batch_size=64"),
        ({"batch_size": 16, "micro_batch": 1}, "smaller model"),
        ({"shard_bytes": 9}, "hardware.workers=1"),
    ],
)
def test_the_mend_is_fewer_rows_at_once(section: dict[str, int], mend: str) -> None:
    assert mend in less(section, at="sft")


def test_an_error_of_a_library_becomes_a_named_one() -> None:
    with pytest.raises(OutOfMemory, match="can't allocate memory") as fault, lack_told({"batch_size": 2}, at="evaluate"):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    assert fault.value.mend == "evaluate.batch_size=1"


def test_what_the_library_says_would_fit_gets_the_section_s_key() -> None:
    with pytest.raises(OutOfMemory) as fault, lack_told({"batch_size": 100}, at="contest"):
        raise OutOfMemory("too much", mend="rows at once=25", rows=25)
    assert fault.value.mend == "contest.batch_size=25"


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(InputError), lack_told({}, at="sft"):
        raise InputError("out of memory, says the text", mend="")
    with pytest.raises(ZeroDivisionError), lack_told({}, at="sft"):
        _ = 1 / 0


def test_a_kill_that_the_system_counted_is_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    monkeypatch.setattr("stages._memory.kills", lambda: 4)
    said = told_of_kill(["stages.align.dpo", "dpo"], before="3")
    assert "align.dpo was killed by the system" in said.message
    assert "align.dpo.micro_batch=" in said.mend
    assert "if nobody did that" in told_of_kill(["stages.sft"], before="4").message
    assert "if nobody did that" in told_of_kill(["stages.sft"], before="").message


@pytest.fixture
def mortal(tmp_path: Path) -> Path:
    """A Python that any stage kills, and any program that is no stage doesn't."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\n[ "$2" = stages._memory ] && exec {sys.executable} "$@"\n[ "$3" = end ] && exit 3\nkill -9 $$\n')
    program.chmod(0o755)
    return program


def test_the_starter_of_stages_tells_of_a_kill_and_passes_every_status_on(root: Path, mortal: Path) -> None:
    def start(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"SCRIPTORIUM_PYTHON": str(mortal)}
        return subprocess.run(["stages/python", "-m", *words], cwd=root, env=environment, capture_output=True, text=True, check=False)

    killed = start("stages.align.ppo", "ppo")
    assert killed.returncode == 137
    assert "align.ppo was killed" in killed.stderr
    assert "mend: align.ppo.micro_batch=" in killed.stderr
    assert start("end").returncode == 3
    assert start("end").stderr == ""


def test_this_system_s_count_is_a_number_or_absent() -> None:
    assert kills() is None or kills() >= 0  # type: ignore[operator]
