"""Memory of this machine: what is free, and a lack of it told as what it is."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import PipelineError, causes

_SAID = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|unable to allocate|malloc of size \d+ failed", re.IGNORECASE
)
_GROUPS = (  # version 2 and 1: controller, its folder, limit, use, and the name of the file cache in it, which gives way
    ("", "", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
ONE_ROW = "a smaller model (model.*), shorter rows (max_length, sequence_length), or a machine with more memory"


class OutOfMemory(PipelineError):
    """The work needs more memory than there is; `rows` at once would fit, where the setting that says so is the caller's to name."""

    def __init__(self, message: str, *, mend: str, rows: int | None = None) -> None:
        super().__init__(message, mend=mend)
        self.rows = rows


def out_of_memory(fault: BaseException, *, mend: str) -> OutOfMemory | None:
    """The error to show if the fault comes from a lack of memory, of the machine or of a GPU; else None."""
    for one in causes(fault):
        if (
            isinstance(one, MemoryError)
            or type(one).__name__ in ("OutOfMemoryError", "TerminatedWorkerError")  # a worker that the system has killed
            or (isinstance(one, OSError | RuntimeError) and _SAID.search(str(one)))
        ):
            first = str(one).strip().partition("\n")[0]
            return OutOfMemory(f"the memory does not suffice: {first or type(one).__name__}", mend=mend)
    return None


def free_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that this process can still take without swapping, its control groups' limits kept; None where the system does not tell."""
    try:
        told = re.search(r"^MemAvailable: *(\d+) kB", (proc / "meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return min([int(told[1]) * 1024, *_free_in_groups(proc, groups)]) if told else None


def kills(proc: Path = Path("/proc")) -> int | None:
    """How many processes the system has killed for want of memory since it started; None where it keeps no count."""
    try:
        told = re.search(r"^oom_kill (\d+)", (proc / "vmstat").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(told[1]) if told else None


def _free_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    """What the control groups leave that this process is in, from its own up to the topmost."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller, mount, limit, usage, cache in _GROUPS:
            if controller in controllers.split(","):
                own = Path(path).relative_to("/")
                for folder in (groups / mount / one for one in (own, *own.parents)):
                    yield from _free_in(folder, limit, usage, cache)


def _free_in(folder: Path, limit: str, usage: str, cache: str) -> Iterator[int]:
    try:
        most, used, stat = ((folder / name).read_text() for name in (limit, usage, "memory.stat"))
    except OSError:  # a group of another root: a container sees its own as the topmost
        return
    if most.strip() != "max":
        yields = re.search(rf"^{cache} (\d+)", stat, re.MULTILINE)
        yield max(0, int(most) - int(used) + (int(yields[1]) if yields else 0))
