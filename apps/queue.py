"""Run the experiments that `dvc exp run --queue` queued: `python -m apps.queue --jobs 2`.

DVC's own workers (`dvc exp run --run-all`) talk over files that another may read before they are written; a worker that meets one ends, and
the command waits for ever (treeverse/dvc#10428). Here each experiment is a process of its own that does what such a worker does, and
leaves the queue when it is done: what was stopped on the way is still queued.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dvc_task.proc.tasks  # noqa: F401  an experiment is run by a task of its
from dvc.exceptions import NotDvcRepoError
from dvc.repo import Repo
from dvc.repo.experiments.queue.base import QueueEntry
from dvc.repo.experiments.queue.celery import LocalCeleryQueue
from dvc.repo.experiments.queue.tasks import run_exp
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.core.errors import InputError, PipelineError

_LINES = 30  # of the log of one that failed


def main() -> None:
    """Run what is queued; the status is 1 if one of them failed."""
    options = arguments()
    try:
        with opened() as queue:
            if options.entry:
                run(queue, options.entry)
            elif not run_all(queue, options.jobs, Console(highlight=False)):
                sys.exit(1)
    except PipelineError as fault:
        sys.exit(f"queue: {fault}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.queue", description="Run the queued experiments, some at once.")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once (default: 1)")
    parser.add_argument("--entry", metavar="REV", help=argparse.SUPPRESS)  # the one that this process runs
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error("--jobs: 1 or more")
    return options


@contextmanager
def opened() -> Iterator[LocalCeleryQueue]:
    """The queue of the repository in which this runs."""
    try:
        repo = Repo()
    except NotDvcRepoError as fault:
        raise InputError(f"no DVC repository here: {fault}", mend="run it in the folder of dvc.yaml") from fault
    with repo:
        yield repo.experiments.celery_queue


def queued(queue: LocalCeleryQueue) -> dict[str, tuple[Any, QueueEntry]]:
    """Message and entry of each queued experiment by its revision, in the order of queueing."""
    found = {}
    for message in queue.celery.iter_queued():
        if message.headers.get("task") == run_exp.name:
            entry = QueueEntry.from_dict(message.decode()[0][0])
            found[entry.stash_rev] = (message, entry)
    return found


def run_all(queue: LocalCeleryQueue, jobs: int, console: Console) -> bool:
    """Run everything that is queued, so many at once; whether all went well."""
    waiting = queued(queue)
    if not waiting:
        console.print("nothing is queued; queue with: dvc exp run --queue -S dpo.beta=0.05,0.1")
        return True
    failed = []
    bar = Progress(TextColumn("experiments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
    with locked(Path(queue.repo.tmp_dir) / "queue.lock") as lock, bar, ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(start, revision, lock): (revision, entry) for revision, (_, entry) in waiting.items()}
        for done in bar.track(as_completed(running), total=len(running)):
            revision, entry = running[done]
            name, status = escape(entry.name or revision[:7]), "[green]done[/green]"
            if complaint := done.result() or log_of_failed(queue, revision):
                failed.append(name)
                status = f"[red]failed[/red]\n{escape(complaint)}"
            console.print(f"{name} {status}")
    console.print("dvc exp show lists them" if not failed else f"[red]failed:[/red] {', '.join(failed)}; dvc exp run --queue queues anew")
    return not failed


def start(revision: str, lock: int) -> str:
    """Run one in a process of its own, which holds the lock as long as it lives; its complaint if that broke."""
    bin_folder = Path(sys.executable).parent  # DVC starts an experiment as `dvc`
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, "-m", "apps.queue", "--entry", revision]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, env=environment, pass_fds=(lock,), check=False, **pipes)
    return "" if done.returncode == 0 else last_lines(done.stdout) or f"ended with {done.returncode}"


def run(queue: LocalCeleryQueue, revision: str) -> None:
    """Run one as a worker of DVC would, then take it from the queue."""
    message, entry = queued(queue)[revision]
    run_exp(entry.asdict())
    queue.celery.reject(message.delivery_tag)


def log_of_failed(queue: LocalCeleryQueue, revision: str) -> str:
    """The end of the log of an experiment that failed; nothing if it went well."""
    process = queue.proc.get(revision)
    if process is not None and process.returncode == 0:
        return ""
    return last_lines(Path(process.stdout).read_text(errors="replace")) if process else "it was not started"


def last_lines(log: str) -> str:
    """The end of a log."""
    return "\n".join(log.rstrip().splitlines()[-_LINES:])


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the queue, by the lock's handle: two would run each experiment twice."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise InputError("the queue is being run by another process", mend="wait for it") from fault
        yield file.fileno()


if __name__ == "__main__":
    main()
