"""Run the experiments that `dvc exp run --queue` queued: `python -m apps.queue --jobs 2`; `--failed`: what failed before, once more.

DVC's own workers (`dvc exp run --run-all`) talk over files that another may read before they are written; a worker that meets one ends, and
the command waits for ever (treeverse/dvc#10428). Here each experiment is a process of its own, which does what such a worker does and notes
the outcome where `dvc queue status` looks. What was stopped on the way is still queued.
"""

import argparse
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import dvc_task.proc.tasks  # noqa: F401  an experiment is run by a task of its
from dvc.exceptions import NotDvcRepoError
from dvc.repo import Repo
from dvc.repo.experiments.executor.base import ExecutorInfo
from dvc.repo.experiments.queue.base import QueueEntry
from dvc.repo.experiments.queue.celery import LocalCeleryQueue
from dvc.repo.experiments.queue.tasks import run_exp
from dvc.repo.experiments.stash import ExpStash
from dvc.scm import NoSCM
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.core.errors import InputError, PipelineError

_BEGUN = re.compile(r"^(?:Running stage|Stage) '", re.MULTILINE)  # in the log of dvc repro
_LOOK_S = 0.5  # how often the logs are looked at
_LINES = 30  # of the log of one that failed
STOPPED = "stopped"  # no complaint: it is still queued
_STOPPED = 130  # the exit status of what Ctrl-C stopped


def main() -> None:
    """Run what is queued; the status is 1 if one of them failed."""
    options = arguments()
    try:
        with opened() as queue:
            if options.entry:
                run(queue, options.entry)
                return
            if options.failed:
                names = requeue(queue) or sys.exit("queue: none has failed")
                print(f"queued again: {', '.join(names)}")
            if not run_all(queue, options.jobs, Console(highlight=False)):
                sys.exit(1)
    except PipelineError as fault:
        sys.exit(f"queue: {fault}")


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m apps.queue", description="Run the queued experiments, some at once.")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once (default: 1)")
    parser.add_argument("--failed", action="store_true", help="first queue those that failed anew, with their names and overrides")
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
    if isinstance(repo.scm, NoSCM):
        raise InputError(
            "experiments need a git repository", mend="git init && git add . && git commit -m start; or make repro SET='KEY=VALUE'"
        )
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
    failed: list[str] = []
    stopped: list[str] = []
    bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
    with locked(Path(queue.repo.tmp_dir) / "queue.lock") as lock:
        if not (waiting := queued(queue)):
            console.print("nothing is queued; queue with: dvc exp run --queue -S 'align.dpo.beta=0.05,0.1'")
            return True
        pool = ThreadPoolExecutor(jobs)
        names = {revision: escape(entry.name or revision[:7]) for revision, (_, entry) in waiting.items()}
        running = {pool.submit(start, revision, lock): revision for revision in waiting}
        try:
            with bars:
                for revision, complaint in watched(queue, running, names, bars):
                    if complaint == STOPPED:
                        stopped.append(names[revision])
                        continue
                    failed += [names[revision]] if complaint else []
                    status = f"[red]failed[/red]\n{escape(complaint)}" if complaint else "[green]done[/green]"
                    console.print(f"{names[revision]} {status}", soft_wrap=True)
        except KeyboardInterrupt:
            console.print("stopping; what was not done is still queued")
            with suppress(KeyboardInterrupt):  # impatience changes nothing
                pool.shutdown(cancel_futures=True)
            sys.exit(_STOPPED)
        if stopped:
            console.print(f"stopped, and still queued: {', '.join(stopped)}")
            sys.exit(_STOPPED)
    console.print(
        "make experiments lists them" if not failed else f"[red]failed:[/red] {', '.join(failed)}; once more: make queue FAILED=1"
    )
    return not failed


def watched(
    queue: LocalCeleryQueue, running: Mapping[Future[str], str], names: Mapping[str, str], bars: Progress
) -> Iterator[tuple[str, str]]:
    """(revision, complaint) of each experiment as it ends; meanwhile a bar for each that is at work, with stage x of y."""
    whole, stages = bars.add_task("experiments", total=len(running)), len(queue.repo.index.stages)
    own: dict[str, TaskID] = {}
    left = set(running)
    while left:
        done, left = wait(left, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
        for future in done:
            if (task := own.pop(running[future], None)) is not None:
                bars.remove_task(task)
            bars.advance(whole)
            yield running[future], future.result()
        for revision in (running[future] for future in left if future.running()):
            if (process := queue.proc.get(revision)) and Path(process.stdout).is_file():
                begun = len(_BEGUN.findall(Path(process.stdout).read_text(errors="replace")))
                if revision not in own:
                    own[revision] = bars.add_task(names[revision], total=stages)
                bars.update(own[revision], completed=begun)


def requeue(queue: LocalCeleryQueue) -> list[str]:
    """Queue what has failed anew, with its name, its overrides and its baseline; the names."""
    failed = {result.entry.stash_rev for result in queue.iter_failed()}
    names = []
    for message, entry in [pair for pair in queue._iter_processed() if pair[1].stash_rev in failed]:  # what DVC's own removal goes through
        arguments, options, _ = message.decode()
        remember(queue, entry)
        queue.celery.signature(run_exp.s(*arguments, **options)).delay()
        queue.celery.purge(message.delivery_tag)
        if queue.failed_stash and (old := queue.failed_stash.stash_revs.get(entry.stash_rev)):
            queue.failed_stash.remove_revs([old])
        names.append(entry.name or entry.stash_rev[:7])
    return names


def remember(queue: LocalCeleryQueue, entry: QueueEntry) -> None:
    """Put an experiment back where DVC keeps the names and baselines of those that are queued."""
    note = ExpStash.format_message(entry.head_rev, entry.baseline_rev, entry.name, entry.branch)
    queue.scm.set_ref(queue.stash.ref, entry.stash_rev, message=f"commit: {note}")


def start(revision: str, lock: int) -> str:
    """Run one in a process of its own, which holds the lock as long as it lives; its complaint if it failed."""
    bin_folder = Path(sys.executable).parent  # DVC starts an experiment as `dvc`
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, "-m", "apps.queue", "--entry", revision]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, env=environment, pass_fds=(lock,), check=False, **pipes)
    if done.returncode in (_STOPPED, -signal.SIGINT):
        return STOPPED
    return "" if done.returncode == 0 else last_lines(done.stdout) or f"ended with {done.returncode}"


def run(queue: LocalCeleryQueue, revision: str) -> None:
    """Run one as a worker of DVC would, and leave the queue; SystemExit with the end of its log if it failed."""
    stopped: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))  # the experiment gets it too, and is waited for
    message, entry = queued(queue).get(revision) or sys.exit("a worker of DVC has taken it")
    if revision not in queue.stash.stash_revs:  # a run that was killed took it from there
        remember(queue, entry)
    arguments, options, _ = message.decode()
    run_exp(*arguments, **options)
    if stopped:
        sys.exit(_STOPPED)
    fault = fault_of(queue, revision)
    leave(queue, message, "FAILURE" if fault else "SUCCESS")
    if fault:
        sys.exit(fault)


def fault_of(queue: LocalCeleryQueue, revision: str) -> str:
    """Why there is no result of an experiment that ended; nothing where there is one."""
    result = ExecutorInfo.load_json(queue.get_infofile_path(revision)).result
    process = queue.proc.get(revision)
    if result is None or result.exp_hash is None or process is None or process.returncode:
        return last_lines(Path(process.stdout).read_text(errors="replace")) if process else "it was not started"
    if result.ref_info and queue.scm.get_ref(str(result.ref_info)) is None:
        return f"its result could not be taken over as {result.ref_info.name}"
    return ""


def leave(queue: LocalCeleryQueue, message: Any, state: str) -> None:
    """Move a message to those that are done, with its state."""
    options = queue.celery.conf.broker_transport_options
    path = Path(queue.celery._queued_msg_path_cache[message.delivery_tag])  # there is no other way to its name
    path.rename(Path(options["processed_folder"], path.name))
    outcome = RuntimeError("see its log") if state == "FAILURE" else None
    queue.celery.backend.store_result(message.headers["id"], outcome, state)


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
