"""What is free is found where the system tells it, and a lack of memory is told as one, however a library reports it."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.memory import free_memory, kills, out_of_memory

MB = 1 << 20


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """A /proc with 8 GB free, and an empty folder of control groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(f"MemTotal:  16384000 kB\nMemAvailable:   {8000 * 1024} kB\n")
    return tmp_path / "proc", tmp_path / "groups"


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_without_groups_it_is_what_the_machine_has(machine: tuple[Path, Path]) -> None:
    assert free_memory(*machine) == 8000 * MB


def test_the_tightest_group_above_the_process_counts_and_its_file_cache_gives_way(machine: tuple[Path, Path]) -> None:
    proc, groups = machine
    (proc / "self/cgroup").write_text("0::/job/step\n")
    group(groups / "job/step", {"memory.max": "max", "memory.current": str(900 * MB), "memory.stat": "inactive_file 0\n"})
    stat = f"anon 1\ninactive_file {50 * MB}\n"
    group(groups / "job", {"memory.max": str(1000 * MB), "memory.current": str(900 * MB), "memory.stat": stat})
    assert free_memory(proc, groups) == 150 * MB


def test_a_group_of_the_first_version_counts_too_and_a_container_sees_its_own_as_the_topmost(machine: tuple[Path, Path]) -> None:
    proc, groups = machine
    (proc / "self/cgroup").write_text("4:cpu,memory:/docker/abc\n1:cpu:/\n")
    files = {"memory.limit_in_bytes": str(500 * MB), "memory.usage_in_bytes": str(600 * MB), "memory.stat": "total_inactive_file 0\n"}
    group(groups / "memory", files)
    assert free_memory(proc, groups) == 0


def test_a_system_that_tells_nothing_is_believed_to_have_enough(tmp_path: Path) -> None:
    assert free_memory(tmp_path, tmp_path) is None
    assert kills(tmp_path) is None


def test_the_system_s_kills_are_counted(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 3\n")
    assert kills(tmp_path) == 3


def test_what_libraries_raise_is_told_as_a_lack_of_memory() -> None:
    try:
        try:
            np.empty((1 << 45,), dtype=np.float64)
        except MemoryError as fault:
            raise ValueError("can't pad") from fault
    except ValueError as fault:
        told = out_of_memory(fault, mend="less")
    assert told is not None
    assert "Unable to allocate" in told.message
    assert told.mend == "less"


def test_what_torch_raises_is_told_too_and_other_errors_are_none_of_it() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError, match="allocate") as fault:
        torch.empty(1 << 45)
    assert out_of_memory(fault.value, mend="") is not None
    assert out_of_memory(RuntimeError("shapes don't match"), mend="") is None
    assert out_of_memory(OSError(13, "Permission denied"), mend="") is None
