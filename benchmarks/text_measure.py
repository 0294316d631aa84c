"""The cost of a command: CPU time and peak memory of its whole process tree."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
_EVERY = 0.05  # seconds between two looks at the memory
_GRACE = 5.0  # seconds that processes may outlive the command
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """What a command used."""

    cpu_seconds: float  # user and system, of all descendant processes, including orphans
    seconds: float
    peak_megabytes: float  # sum of the resident sets; pages that processes share count in each
    output: str


def cost_of(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Cost:
    """Run the command and wait for all its descendants; RuntimeError with the end of its messages when it fails.

    This process adopts what the command leaves behind (PR_SET_CHILD_SUBREAPER), so that wait4 gives the time of every one: the children's
    rusage of a command lacks those of workers that a fork server reaped or orphaned. No other child of this process may run meanwhile.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    os.sync()  # what the run before left to be written is not this one's work
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=cwd, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        memory = _Memory(process.pid)
        texts = _drain(process)
        cpu, code = _reap(process.pid)
        process.returncode = code
        seconds = time.perf_counter() - started
        peak = memory.stop()
        output, messages = (text.result() for text in texts)
    if code:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {code}:\n{messages[-2000:]}")
    return Cost(cpu, seconds, peak / 1e6, output)


def _reap(main: int) -> tuple[float, int]:
    """CPU seconds of all children of this process until none is left, and the exit code of the main one."""
    cpu, code, deadline = 0.0, 0, None
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0 if deadline is None else os.WNOHANG)
        except ChildProcessError:
            return cpu, code
        if pid == 0:
            if deadline is not None and time.monotonic() > deadline:
                for orphan in _children(os.getpid()):
                    os.kill(orphan, signal.SIGTERM)
                deadline = time.monotonic() + _GRACE
            time.sleep(_EVERY)
            continue
        cpu += usage.ru_utime + usage.ru_stime
        if pid == main:
            code, deadline = os.waitstatus_to_exitcode(status), time.monotonic() + _GRACE


class _Text(threading.Thread):
    """What a pipe says until its end."""

    def __init__(self, stream: object) -> None:
        super().__init__(daemon=True)
        self.stream, self.text = stream, ""
        self.start()

    def run(self) -> None:
        self.text = self.stream.read()  # type: ignore[attr-defined]

    def result(self) -> str:
        self.join(_GRACE)
        return self.text


def _drain(process: "subprocess.Popen[str]") -> tuple[_Text, _Text]:
    return _Text(process.stdout), _Text(process.stderr)


class _Memory(threading.Thread):
    """The largest sum of resident sets of a process and its descendants, in bytes, looked at again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.done.wait(_EVERY):
            self.peak = max(self.peak, sum(map(_resident, _tree(os.getpid()))) - _resident(os.getpid()))

    def stop(self) -> int:
        self.done.set()
        self.join()
        return self.peak


def _tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(below for child in _children(pid) for below in _tree(child))]


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:  # it ended
        return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0
