"""Starts a stage in a process that has torch and its kin in memory already: `python stages/_warm.py -m stages.NAME …` (stages/python).

A stage imports for four seconds and, at size=smoke, works for one. So the first stage of a chain leaves a server behind, which imports
what the stages before have imported, and forks a process for each next one. Nothing of ours is in it: pipeline/ and stages/ are read
anew by each stage. It serves one group of processes, as one `dvc repro` is, with one environment, and ends with it. Where a GPU is,
whose context no fork survives, on another system than Linux, or with SCRIPTORIUM_WARM=0, a stage starts as `python -m` does.
"""

# ruff: noqa: E402
import os
import sys

sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m` has it: beside this file lie select.py and tokenize.py, which are not Python's

import atexit
import ctypes
import gc
import hashlib
import importlib
import json
import resource
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

# What takes long to import, and reads nothing then that a stage sets: so not numba, which looks where its cache is.
PRELOADED = {
    "accelerate",
    "datasets",
    "numpy",
    "pandas",
    "peft",
    "pyarrow",
    "pydantic",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
}
OURS = {"pipeline", "stages"}
KNOWN = Path(".run/imports")  # by stage: what it imported
IDLE_S = 60.0  # the longest between two stages: DVC takes a while for large outs
LOOK_S = 1.0  # how often the server looks whether its group is still there
PATIENCE_S = 5.0  # for a server to listen
OF_A_STAGE = {"DVC_STAGE", "OOM_KILLS", "SHLVL", "_"}  # names of the environment that differ between stages
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
SERVE = "--serve"
KILLED = 137  # what a shell says of a process that was killed: stages/python tells more

Request = dict[str, Any]  # words, folder, environment, signals that are ignored, umask


def fits(words: list[str]) -> bool:
    """Whether a stage of these words can be forked."""
    if sys.platform != "linux" or os.environ.get("SCRIPTORIUM_WARM") == "0":
        return False
    try:
        for stream in (0, 1, 2):
            os.fstat(stream)
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):  # a closed stream, in whose place a socket of ours would be; a kernel before 5.3
        return False
    if any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists():
        return False
    return words[:1] == ["-m"] and len(words) > 1 and source(words).is_file() and words[1] != "stages.plan"  # which imports little


def source(words: list[str]) -> Path:
    """The file of the stage."""
    return Path(*words[1].split(".")).with_suffix(".py")


def ask(words: list[str]) -> None:
    """Have the server run the stage, and end as it ends. Returns where no server could be had."""
    # Signals that come before there is a stage. Later ones reach it by themselves, and it takes its time to end kindly.
    early: list[int] = []
    before = {one: signal.signal(one, lambda number, _: early.append(number)) for one in HANDLED}
    hub = "hub=True" in source(words).read_text(encoding="utf-8")  # it may read from one: libraries look at HF_HUB_OFFLINE when imported
    begun = told = b""
    with suppress(OSError):  # a box that forbids something of it, or a server that is killed
        if (link := connected(address(hub=hub), hub=hub)) is not None:
            send(link, words, ignored=[int(one) for one, what in before.items() if what == signal.SIG_IGN])
            begun = received(link, 4)
            for number in early if begun else ():
                with suppress(ProcessLookupError):
                    os.kill(struct.unpack("i", begun)[0], number)
            told = received(link, 4)
    if not begun:  # nor is there a stage: it begins as it did before there were servers
        for one, what in before.items():
            signal.signal(one, what)
        for number in early:
            os.kill(os.getpid(), number)
        return
    if len(told) < 4:  # the server was killed, and the stage with it
        sys.exit(KILLED)
    (status,) = struct.unpack("i", told)
    if os.WIFSIGNALED(status):
        if (number := os.WTERMSIG(status)) != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


def send(link: socket.socket, words: list[str], *, ignored: list[int]) -> None:
    """The request, and the three streams."""
    mask = os.umask(0o077)
    os.umask(mask)
    request: Request = {"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ), "ignored": ignored, "umask": mask}
    said = json.dumps(request).encode()
    socket.send_fds(link, [struct.pack("I", len(said))], [0, 1, 2])
    link.sendall(said)


def address(*, hub: bool) -> str:
    """The abstract socket for this group of processes, interpreter, folder and environment."""
    environment = sorted((name, value) for name, value in os.environ.items() if name not in OF_A_STAGE)
    packages = [Path(place).stat().st_mtime_ns for place in sys.path[1:] if Path(place).is_dir()]  # pip adds and removes folders there
    told = json.dumps([os.getpgrp(), sys.executable, str(Path.cwd()), hub, environment, packages, *inherited()])
    return f"\0scriptorium-{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def inherited() -> list[Any]:
    """What a fork has from the server instead of who asks: user, limits, namespaces, control groups, niceness, cores."""
    limits = [resource.getrlimit(getattr(resource, one)) for one in dir(resource) if one.startswith("RLIMIT_")]
    spaces = sorted(str(one.readlink()) for one in Path("/proc/self/ns").glob("*"))
    groups = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    return [os.getuid(), os.getgroups(), limits, spaces, groups, os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0))]


def connected(name: str, *, hub: bool) -> socket.socket | None:
    """A connection to the server, which is started where there is none; None where that is in vain, or it is another user's."""
    deadline, started = time.monotonic() + PATIENCE_S, False
    while time.monotonic() < deadline:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(name)
        except ConnectionRefusedError:
            link.close()
        except OSError:  # a box that forbids it
            return None
        else:
            return link if user_of(link) == os.getuid() else None
        if not started:  # no stream of ours: who reads the other end would wait for the server's end
            command = [sys.executable, __file__, SERVE, name[1:], str(hub)]
            try:
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except OSError:
                return None
            started = True
        time.sleep(0.02)
    return None


def user_of(link: socket.socket) -> int:
    """The user at the other end."""
    told = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(told[1])


def received(link: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer where the other end is closed."""
    found = b""
    while len(found) < count and (more := link.recv(count - len(found))):
        found += more
    return found


class Server:
    """Forks a process for each request, and tells how it ended."""

    def __init__(self, name: str) -> None:
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(f"\0{name}")
        self._listening.listen()
        self._running: dict[socket.socket, tuple[int, int, list[str]]] = {}  # by the client's link: process, its descriptor, words
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ, self._begin)

    def serve(self) -> tuple[Request, list[int]] | None:
        """In a forked process: the request and its three streams. In the server: None, when its work is done."""
        busy = time.monotonic()
        while True:
            events = self._selector.select(None if self._running else LOOK_S)
            for key, _ in events:
                if (found := key.data()) is not None:
                    return found  # type: ignore[no-any-return]
            if events or self._running:
                busy = time.monotonic()
            elif time.monotonic() > busy + IDLE_S or not clients_left() or not Path(__file__).exists():
                return None

    def _begin(self) -> tuple[Request, list[int]] | None:
        link, _ = self._listening.accept()
        link.settimeout(PATIENCE_S)
        try:
            head, streams, _, _ = socket.recv_fds(link, 4, 3) if user_of(link) == os.getuid() else (b"", [], 0, None)
            request: Request = json.loads(received(link, struct.unpack("I", head)[0]))
        except (OSError, ValueError, struct.error):  # who asked has ended, or is another
            link.close()
            return None
        load(remembered(request["words"]))
        gc.freeze()  # the pages of all that was imported stay shared
        server = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # what comes before the stage has its handlers waits for them
        with warnings.catch_warnings():  # of threads: those of BLAS and of jemalloc, which begin anew behind a fork
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()
        if process == 0:
            self._leave(link, server)
            return request, streams
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        for one in streams:
            os.close(one)
        ending = os.pidfd_open(process)
        with suppress(OSError):
            link.sendall(struct.pack("i", process))
        self._running[link] = process, ending, request["words"]
        self._selector.register(link, selectors.EVENT_READ, lambda: self._abandoned(link))
        self._selector.register(ending, selectors.EVENT_READ, lambda: self._ended(link))
        return None

    def _leave(self, link: socket.socket, server: int) -> None:
        """In a forked process: nothing of the server, and no life without it."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
        self._selector.close()
        for one in (self._listening, link, *self._running):
            one.close()
        for _, ending, _ in self._running.values():
            os.close(ending)

    def _abandoned(self, link: socket.socket) -> None:
        """The client was killed."""
        if link in self._running:  # else its stage has ended in the same moment
            os.kill(self._running[link][0], signal.SIGKILL)
            self._selector.unregister(link)

    def _ended(self, link: socket.socket) -> None:
        process, ending, words = self._running.pop(link)
        _, status = os.waitpid(process, 0)
        self._selector.unregister(ending)
        os.close(ending)
        with suppress(KeyError):  # abandoned
            self._selector.unregister(link)
        with suppress(OSError):
            link.sendall(struct.pack("i", status))
        link.close()
        load(remembered(words))  # while DVC looks at what the stage wrote


def clients_left() -> bool:
    """Whether anybody but servers lives in this group of processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            state, _, group = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
            if int(group) == os.getpgrp() and state != "Z" and f"\0{SERVE}\0".encode() not in (folder / "cmdline").read_bytes():
                return True
    return False


def remembered(words: list[str]) -> list[str]:
    """What the stage imported when it last ran."""
    try:
        names: list[str] = json.loads((KNOWN / f"{words[1]}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return names


def remember(words: list[str]) -> None:
    """Note what this process has imported of what is worth to be there before."""
    names = [name for name, module in sys.modules.items() if name.partition(".")[0] in PRELOADED and getattr(module, "__spec__", None)]
    if names != remembered(words):
        with suppress(OSError):
            KNOWN.mkdir(parents=True, exist_ok=True)
            (KNOWN / f"{words[1]}.json").write_text(json.dumps(names), encoding="utf-8")  # half of it is no JSON, and counts as nothing


def load(names: list[str]) -> None:
    """Import these. What can't be is left to the stage, which says why."""
    for name in names:
        if name not in sys.modules:
            with suppress(Exception, SystemExit):
                importlib.import_module(name)


def become(request: Request, streams: list[int]) -> None:
    """Be what a process of its own would be: streams, folder, environment, signals and words."""
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    os.chdir(request["folder"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for one in HANDLED:
        usual = signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL
        signal.signal(one, signal.SIG_IGN if int(one) in request["ignored"] else usual)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    ctypes.CDLL(None).prctl(PR_SET_NAME, request["words"][1].encode()[:15])  # in `top`, where all would be servers
    importlib.invalidate_caches()
    sys.argv = request["words"][1:]
    atexit.register(remember, request["words"])


def serve(name: str, *, hub: bool) -> None:
    """Be the server, and in each forked process the stage."""
    for one in HANDLED:
        signal.signal(one, signal.SIG_IGN)  # those who ask end, and the server with them
    stages = importlib.import_module("stages")  # the environment of stages, which libraries read when they are imported
    if hub:
        os.environ["HF_HUB_OFFLINE"] = stages.HUB_OFFLINE
    for ours in [one for one in sys.modules if one.partition(".")[0] in OURS]:  # each stage reads it as it stands then
        del sys.modules[ours]
    if (served := Server(name).serve()) is not None:
        become(*served)
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1] == SERVE:
        serve(sys.argv[2], hub=sys.argv[3] == "True")
    else:
        if fits(sys.argv[1:]):
            ask(sys.argv[1:])
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
