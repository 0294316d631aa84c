"""One stage as several processes: with hardware.ranks > 1 it starts itself again under torch.distributed.run, one process a rank.

With hardware.nodes > 1 Slurm starts that on each machine of the job, and they meet at this one. All ranks compute; the first one holds the
lock, writes and tells. They die with the process that started them. torch is imported by its name: the runner of every stage knows this
module, and a text stage does not depend on torch.
"""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module

from pipeline.core.errors import PipelineError

PARENT = "STAGE_PARENT"  # its process id, where it started the ranks
KILLED = 137  # what a shell says of a process that the system killed, for want of memory mostly: stages/python tells more
PORT = 29500  # of the machine that is met at
PR_SET_PDEATHSIG = 1  # of prctl(2): a signal for when the parent dies
PATIENCE = timedelta(days=1)  # for another rank: who dies is noticed by the process that started them


def among() -> bool:
    """Whether this process is one of several."""
    return "RANK" in os.environ and world() > 1


def world() -> int:
    """How many there are on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def number() -> int:
    """Which of them this process is."""
    return int(os.environ["RANK"]) if among() else 0


def first() -> bool:
    """Whether this process writes: the first rank, or the only one."""
    return number() == 0


def launch(module: str, words: Sequence[str], *, ranks: int, nodes: int) -> None:
    """Run the stage as so many ranks on each of so many machines until they have ended; the process ends with them where one fails.

    PipelineError for several machines outside a job of Slurm.
    """
    if nodes > 1:
        if "SLURM_JOB_ID" not in os.environ:
            raise PipelineError(f"hardware.nodes={nodes} needs a job of Slurm", mend="make launch prints one; or hardware.nodes=1")
        done = subprocess.run(over_nodes(module, words, ranks=ranks, nodes=nodes), check=False)
        if done.returncode:
            sys.exit(1)
        return
    run = import_module("torch.distributed.run")
    failures = import_module("torch.distributed.elastic.multiprocessing.errors").ChildFailedError
    signals = import_module("torch.distributed.elastic.multiprocessing").SignalException
    for name in ("torch.distributed", "torch.distributed.elastic.agent.server.api"):  # which has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a rank says itself how it failed
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each sets its own number
    os.environ[PARENT] = str(os.getpid())
    try:
        here = ["--standalone", "--local-addr=localhost"]  # the machine's own name need not resolve
        run.main([*here, f"--nproc-per-node={ranks}", "--module", module, *words])
    except failures as fault:
        number, failure = fault.get_first_failure()
        if failure.exitcode < 0:  # it could not say so itself
            logging.getLogger(module.rpartition(".")[2]).error("rank %d was ended by signal %d", number, -failure.exitcode)
        sys.exit(KILLED if failure.exitcode == -signal.SIGKILL else 1)
    except signals:
        sys.exit(1)


def over_nodes(module: str, words: Sequence[str], *, ranks: int, nodes: int) -> list[str]:
    """The step of a Slurm job: torchrun once a machine, with this one, the first of the job, as the place where they meet."""
    meeting = [f"--rdzv-id={os.environ['SLURM_JOB_ID']}", "--rdzv-backend=c10d", f"--rdzv-endpoint={socket.gethostname()}:{PORT}"]
    each = [f"--nnodes={nodes}", f"--nproc-per-node={ranks}", *meeting, "--module", module, *words]
    return ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", sys.executable, "-m", "torch.distributed.run", *each]


def join(device: str, taken: bool) -> bool:
    """Meet the other ranks, each on a device of its own, and die with the parent; all learn whether the first has a result already."""
    torch = import_module("torch")
    with suppress(OSError, AttributeError):  # on Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
        os._exit(1)  # it died before it was asked for
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    told = torch.tensor(float(taken), device=device)
    torch.distributed.broadcast(told, src=0)
    if told:
        leave()
    return bool(told)


def leave() -> None:
    """The ranks part: all but the first end here."""
    if not among():
        return
    torch = import_module("torch")
    torch.distributed.destroy_process_group()
    if not first():
        sys.exit(0)
