"""A map over independent work that gives the same list whichever engine runs it.

threading, loky   this machine, by joblib
ray               the cluster that RAY_ADDRESS names, else one on this machine
dask              the scheduler that DASK_SCHEDULER_ADDRESS names, else workers on this machine
submitit          an array of Slurm jobs, or of processes here with cluster=local

On a cluster every node must see the project's folder at the same path.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.progress import progress

A = TypeVar("A")
B = TypeVar("B")
Engine = Literal["threading", "loky", "ray", "dask", "submitit"]
_AS: dict[Engine, str] = {"ray": "list"}  # Ray's part for joblib gives all results at the end


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What a Slurm job asks for."""

    cluster: Literal["slurm", "local"]  # local: processes of this machine
    partition: str | None
    minutes: PositiveInt  # wall time of a job
    memory_gb: PositiveInt
    items: PositiveInt  # shards of one job: starting one takes seconds


def parallel_map(
    function: Callable[[A], B], items: Iterable[A], *, engine: Engine, workers: int, jobs: Jobs | None = None, what: str = "items"
) -> list[B]:
    """The function's results in the order of the items. One worker of this machine runs in this process. `what` names the bar.

    Raises PipelineError where the engine is not installed.
    """
    items = list(items)
    if not items:  # nothing is started for nothing
        return []
    if engine == "submitit":
        if jobs is None:
            raise PipelineError("the engine submitit needs to know its jobs", mend="set hardware.jobs")
        return _submitted(function, items, workers, jobs, what)
    if engine in ("threading", "loky") and workers == 1:
        return list(progress(map(function, items), what, total=len(items)))
    from joblib import Parallel, delayed  # what it brings along takes as long as a small stage

    with _backend(engine, workers):
        work = _Placed(function, os.getcwd()) if engine in ("ray", "dask") else function  # noqa: PTH109 - a plain string travels
        results: Iterable[B] = Parallel(n_jobs=workers, return_as=_AS.get(engine, "generator"))(delayed(work)(item) for item in items)
        return list(progress(results, what, total=len(items)))


class _Placed:
    """The function, called in the folder in which the stage runs: its paths are relative to it."""

    def __init__(self, function: Callable[[Any], Any], folder: str) -> None:
        self.function, self.folder = function, folder

    def __call__(self, item: Any) -> Any:
        os.chdir(self.folder)
        return self.function(item)


@contextmanager
def _backend(engine: Engine, workers: int) -> Iterator[None]:
    """joblib with this engine; what was started for it is stopped."""
    from joblib import parallel_config

    if engine == "ray":
        ray = _needed("ray", engine)
        from ray.util.joblib import register_ray

        register_ray()  # type: ignore[no-untyped-call]
        ours = not ray.is_initialized()
        if ours:
            here = None if "RAY_ADDRESS" in os.environ else workers
            ray.init(num_cpus=here, runtime_env={"env_vars": _environment()}, log_to_driver=False, include_dashboard=False)
        try:
            with parallel_config(backend="ray"):
                yield
        finally:
            if ours:
                ray.shutdown()
    elif engine == "dask":
        distributed = _needed("distributed", engine)
        os.environ.update(_environment())
        address = os.environ.get("DASK_SCHEDULER_ADDRESS")
        with (
            distributed.Client(address) if address else distributed.Client(n_workers=workers, threads_per_worker=1, dashboard_address=None),
            parallel_config(backend="dask"),
        ):
            yield
    else:
        with parallel_config(backend=engine):
            yield


def _submitted(function: Callable[[A], B], items: Sequence[A], workers: int, jobs: Jobs, what: str) -> list[B]:
    """An array of jobs, each with a run of the items, at most `workers` at a time."""
    submitit = _needed("submitit", "submitit")
    os.environ.update(_environment())
    executor = submitit.AutoExecutor(folder=Path(".run") / "jobs", cluster=jobs.cluster)
    executor.update_parameters(timeout_min=jobs.minutes, mem_gb=jobs.memory_gb)
    if jobs.cluster == "slurm":
        executor.update_parameters(slurm_partition=jobs.partition, slurm_array_parallelism=workers)
    runs = [items[start : start + jobs.items] for start in range(0, len(items), jobs.items)]
    wave = len(runs) if jobs.cluster == "slurm" else workers  # Slurm keeps the bound itself

    def results() -> Iterator[B]:
        for start in range(0, len(runs), wave):
            for job in executor.map_array(_Each(function), runs[start : start + wave]):
                yield from job.result()

    return list(progress(results(), what, total=len(items)))


class _Each:
    """The function over a run of items."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        return [self.function(item) for item in items]


def _environment() -> dict[str, str]:
    """What workers elsewhere need in order to import the project and to compute as this process does."""
    kinds = ("ARROW_", "ATEN_", "HF_", "MALLOC_", "MKL_", "NUMBA_", "OMP_", "ONEDNN_", "OPENBLAS_", "TOKENIZERS_")
    kept = {name: value for name, value in os.environ.items() if name.startswith(kinds)}
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys([os.getcwd(), *filter(None, sys.path)]))}  # noqa: PTH109


def _needed(module: str, engine: str) -> Any:
    try:
        return __import__(module)
    except ImportError as fault:
        raise PipelineError(f"the engine {engine} needs the package {module}", mend='pip install -e ".[cluster]"') from fault
