"""The hallway: section -> frozen typed Config -> call -> metrics, provenance, tracker.

The only file, with plan, that knows Hydra and DVC. Under DVC a stage reads its section from
params.yaml: what DVC hashed is what runs. By hand, `python -m stages.NAME key=value` composes
conf/ with the overrides. Both roads end in the same call.
"""

import dataclasses
import gc
import json
import logging
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipeline.core.artifact.base import Artifact
from pipeline.core.errors import PipelineError
from pipeline.core.files import fingerprint, write_json, write_text
from pipeline.core.parallel import Engine, Jobs, parallel_map
from pipeline.core.progress import progress
from pipeline.core.scratch import key_of, memory_folder, scratch_folder
from pipeline.core.shards import Piece, Work, map_shards
from pipeline.core.track import Track, Tracker, group_of, tracker_for
from stages import HUB_OFFLINE

A = TypeVar("A")
B = TypeVar("B")
Metrics = dict[str, Any]
ROOT = Path(os.environ.get("DVC_ROOT", "."))  # under `dvc exp run --temp` this still names the main checkout
LOG = Path(".run/log")
PYTHONS_OWN = (700, 10, 10)  # how often it looks for garbage


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """The section `hardware`: it changes the speed, never the result (for one kind of device and thread count)."""

    device: Literal["auto", "cpu", "cuda"]
    threads: int  # 0: all cores, 4 at most
    workers: int  # 0: all cores
    engine: Engine
    jobs: Jobs


@dataclass(frozen=True)
class Run:
    """What a stage is given besides its Config."""

    name: str
    code: str  # a short name of what the stage's code means
    scratch: Path  # survives a kill, removed after success
    hardware: Hardware
    tracker: Tracker
    log: logging.Logger

    @cached_property
    def device(self) -> str:
        """cpu or cuda."""
        if self.hardware.device != "auto":
            return self.hardware.device
        torch = sys.modules.get("torch")
        return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"

    @property
    def threads(self) -> int:
        """Threads of one computation."""
        return self.hardware.threads or min(4, os.cpu_count() or 1)

    @property
    def workers(self) -> int:
        """Computations side by side."""
        return self.hardware.workers or os.cpu_count() or 1

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """The function's results in the order of the items, on all workers."""
        bar = progress(list(items), self.name)
        return parallel_map(function, bar, engine=self.hardware.engine, workers=self.workers, jobs=self.hardware.jobs)

    def shards(self, phase: str, function: Callable[[A], Iterable[Piece]], items: Sequence[A]) -> Work:
        """The pieces that the function makes of the items, on all workers; a stopped stage goes on at the next item."""
        return map_shards(function, items, folder=self.scratch / phase, run_map=self.map)

    @cached_property
    def memory(self) -> Path:
        """A folder that outlives the run, for results that are named by all that they depend on: work that need not be done twice."""
        return memory_folder(ROOT / ".run" / "memory" / self.name, self.code, instead=self.scratch / "memory")

    def track(self, step: int, values: dict[str, float]) -> None:
        """Numbers that pass: shown by the tracker and the log, kept in no artifact."""
        self.tracker.log(step, values)
        self.log.info("step %d %s", step, " ".join(f"{key}={value:.5g}" for key, value in values.items()))

    def curve(self, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Numbers that reproduce, by step: plots/<stage>.csv. A row may lack a column."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [",".join("" if row.get(column) is None else repr(row[column]) for column in columns) for row in rows]
        write_text(Path("plots") / f"{self.name}.csv", "\n".join([",".join(columns), *lines]) + "\n")


def stage(config: type[A], *, hub: bool = False) -> Callable[[Callable[[A, Run], Metrics]], Callable[[], None]]:
    """Make a recipe into a program. The section of conf/ is named like the stage's file. `hub`: it may read from a hub of data sets."""

    def furnish(recipe: Callable[[A, Run], Metrics]) -> Callable[[], None]:
        name = Path(recipe.__code__.co_filename).stem

        def door() -> None:
            log = logger(name)
            if hub:
                os.environ["HF_HUB_OFFLINE"] = HUB_OFFLINE  # looked at when `datasets` is imported, which waits for a source hub:...
            try:
                walk(name, config, recipe, log)
                gc.freeze()  # at its end Python would look once more for cycles among all that was imported: 0.3 s
            except PipelineError as fault:
                log.error("%s", fault)
                log.debug("where", exc_info=True)
                sys.exit(1)
            except Exception:
                log.exception("a fault of the program, not of its settings or input")
                sys.exit(1)
            except KeyboardInterrupt:
                log.error("stopped; what was done is kept: run again to go on")
                sys.exit(130)

        door.__dict__.update(config=config, recipe=recipe, stage=name)
        return door

    return furnish


def walk(name: str, config: type[A], recipe: Callable[[A, Run], Metrics], log: logging.Logger) -> None:
    """Run one stage from its settings to its metrics."""
    started = time.perf_counter()
    gc.freeze()  # what was imported is no garbage
    gc.set_threshold(*PYTHONS_OWN)
    settings = read_settings()
    section = settings[name]
    cfg = typed(config, section, at=name)
    hardware, track = typed(Hardware, settings["hardware"], at="hardware"), typed(Track, settings["track"], at="track")
    inputs = {str(artifact.path): artifact.digest for artifact in found(cfg, Artifact) if artifact is not getattr(cfg, "target", None)}
    outside = {str(path): fingerprint(path) for path in found(cfg, Path)}
    code = key_of(meaning(name))
    key = key_of(section, code, inputs, outside, [hardware.device, hardware.threads])
    with scratch_folder(ROOT / ".run" / name, key) as scratch:
        run = Run(name, code, scratch, hardware, tracker_for(track, group=group_of(settings), stage=name, config=section), log)
        log.info("settings %s", json.dumps(section))
        prepare(run)
        metrics = recipe(cfg, run)
        run.tracker.finish(metrics)
    write_json(Path("metrics") / f"{name}.json", metrics)
    write_json(LOG / f"{name}.json", provenance(run, inputs, time.perf_counter() - started))
    log.info("metrics %s", json.dumps(metrics))


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a PyYAML that was built without libyaml has the slow one only


class Params(_Loader):  # type: ignore[misc]
    """YAML as OmegaConf writes it (1e-5 is a number, a date is text), read in a tenth of its time."""


Params.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for letter, resolvers in _Loader.yaml_implicit_resolvers.items()
}
Params.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def read_settings() -> dict[str, Any]:
    """All settings: params.yaml under DVC, conf/ with the command line's overrides by hand; conf/local on top."""
    under_dvc = "DVC_STAGE" in os.environ  # where params.yaml is composed, and every interpolation resolved
    settings: dict[str, Any] = yaml.load(Path("params.yaml").read_bytes(), Params) if under_dvc else plain(compose(sys.argv[1:]))
    for path in sorted((ROOT / "conf" / "local").glob("*.yaml")):
        from omegaconf import OmegaConf

        local = OmegaConf.load(path)
        if unknown := set(local) - {"hardware", "track"}:
            raise PipelineError(f"{path} sets {', '.join(map(str, unknown))}", mend="only hardware and track may be local to a machine")
        settings = plain(OmegaConf.merge(settings, local))
    return settings


def plain(settings: Any) -> dict[str, Any]:
    """The settings as dicts, lists and plain values, every interpolation resolved."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(settings, resolve=True)  # type: ignore[return-value]


def compose(overrides: Sequence[str]) -> Any:
    """conf/ composed by Hydra. A wrong key or group is a PipelineError in Hydra's words."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(Path("conf").resolve()), version_base="1.3"):
            composed = hydra_compose("config", list(overrides))
            OmegaConf.resolve(composed)
            return composed
    except (HydraException, OmegaConfBaseException) as fault:
        raise PipelineError(f"conf/ can't be composed: {fault}", mend="correct the key or group; `make help` lists the groups") from fault


def typed(config: type[A], section: Mapping[str, Any], *, at: str) -> A:
    """The section as a frozen dataclass. One PipelineError tells all faults, each with its dotted key."""
    config.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
    try:
        return TypeAdapter(config).validate_json(json.dumps(section))
    except ValidationError as faults:
        lines = [f"{'.'.join([at, *map(str, fault['loc'])])}: {fault['msg']} (found {fault['input']!r:.80})" for fault in faults.errors()]
        keys = ", ".join(".".join([at, *map(str, fault["loc"])]) for fault in faults.errors())
        raise PipelineError(
            "\n  ".join(["settings that can't be used", *lines]), mend=f"correct {keys} in conf/ or on the command line"
        ) from faults


def found(settings: Any, kind: type[A]) -> Iterator[A]:
    """All values of a kind in a Config, nested ones too."""
    if isinstance(settings, kind):
        yield settings
    elif dataclasses.is_dataclass(settings):
        for field in dataclasses.fields(settings):
            yield from found(getattr(settings, field.name), kind)


def meaning(name: str) -> Any:
    """What the stage's code means: as planned under DVC, looked up by hand."""
    if "DVC_STAGE" in os.environ:
        return json.loads(Path("plan", f"{name}.json").read_text())
    from pipeline.core.closure import Code  # under DVC the plan has done this

    return Code(Path(), ("pipeline", "stages")).meaning(f"stages.{name}")


def prepare(run: Run) -> None:
    """Threads and determinism of the libraries that the stage has imported."""
    os.environ.setdefault("OMP_NUM_THREADS", str(run.threads))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(run.threads)
        torch.use_deterministic_algorithms(True)


def logger(name: str) -> logging.Logger:
    """Messages of a stage: on standard error, and all of them in .run/log/<stage>.log."""
    LOG.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger(f"scriptorium.{name}")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    file = logging.FileHandler(LOG / f"{name}.log", encoding="utf-8")  # a resumed run adds to what the killed one wrote
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.setFormatter(logging.Formatter(f"{name}: %(message)s"))
    log.handlers = [file, console]
    library = logging.getLogger("pipeline")
    library.setLevel(logging.INFO)
    library.propagate = False
    library.handlers = [file, console]
    log.info("begin")
    return log


def provenance(run: Run, inputs: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Numbers that pass: where and how long. In .run/ only, never in an artifact or metric."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "stage": run.name,
        "inputs": dict(inputs),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 2),
        "peak_megabytes": own.ru_maxrss // 1024,
        "hardware": dataclasses.asdict(run.hardware) | {"device": run.device, "threads": run.threads},
        "host": platform.node(),
        "machine": platform.processor() or platform.machine(),
    }
