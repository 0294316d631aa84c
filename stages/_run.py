"""The runner: a section of the settings -> a checked Config -> the stage's recipe -> metrics, provenance, tracker.

Under DVC a stage reads its section from params.yaml: what DVC hashed is what runs. By hand,
`python -m stages.NAME key=value` composes conf/ with the overrides. Both roads end in the same call.
"""

import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.artifact.base import Artifact
from pipeline.core.disk import full_disk
from pipeline.core.errors import PipelineError
from pipeline.core.files import fingerprint, write_json, write_text
from pipeline.core.handover import leave_note, take_over
from pipeline.core.lockfile import keep
from pipeline.core.owned import claim
from pipeline.core.parallel import parallel_map
from pipeline.core.scratch import key_of, memory_folder, scratch_folder
from pipeline.core.shards import Piece, Work, map_shards
from pipeline.core.track import NoTracker, PipelineRun, Track, Tracker, group_of, send, tracker_for
from pipeline.train import processes
from stages import HUB_OFFLINE, _ranks
from stages._gentler import gentler_told
from stages._hardware import Hardware
from stages._log import LOG, logger, provenance
from stages._memory import lack_told
from stages._mends import in_full
from stages._place import Place
from stages._settings import ROOT, found, read_settings, typed

A = TypeVar("A")
B = TypeVar("B")
Metrics = dict[str, Any]
KEPT_LOCK = Path(".run/dvc.lock")  # the last whole dvc.lock, for apps/heal
FOLDER = Path(__file__).resolve().parent
FOR_DVC = {"method", "format", "reads", "reads_also"}  # keys of an entry that dvc.yaml reads, not the stage
PYTHONS_OWN = (700, 10, 10)  # how often it looks for garbage


@dataclass(frozen=True)
class Run:
    """What a stage is given besides its Config."""

    name: str  # corpus, align/dpo
    section: str  # where its keys stand: corpus, align.dpo
    code: str  # the key of the stage's code fingerprint
    told: str  # the key of its section
    scratch: Path  # survives a kill, removed after success
    hardware: Hardware
    tracker: Tracker
    log: logging.Logger
    send: Callable[[Callable[[str], PipelineRun]], None] = lambda _: None  # the run of all stages; made where there is a tracker

    @cached_property
    def device(self) -> str:
        """cpu or cuda."""
        return self.hardware.found()

    @property
    def threads(self) -> int:
        """Threads of one computation."""
        return self.hardware.threads_each(ranks=processes.here())

    @property
    def workers(self) -> int:
        """Computations side by side."""
        return self.hardware.workers or os.cpu_count() or 1

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """The function's results in the order of the items, on all workers."""
        how: dict[str, Any] = {"engine": self.hardware.engine, "workers": self.workers, "jobs": self.hardware.jobs}
        return parallel_map(function, items, what=self.name, **how)

    def shards(self, phase: str, function: Callable[[A], Iterable[Piece]], items: Sequence[A]) -> Work:
        """The pieces that the function makes of the items, on all workers; a stopped stage goes on at the next item."""
        return map_shards(function, items, folder=self.scratch / phase, run_map=self.map)

    @cached_property
    def memory(self) -> Path:
        """A folder that outlives the run, for results that are named by all that they depend on: work that need not be done twice.

        The runs of one section, as those of evaluate for each model, have one.
        """
        return memory_folder(ROOT / ".run" / "memory" / Path(*self.section.split(".")), self.code, instead=self.scratch / "memory")

    def track(self, step: int, values: dict[str, float]) -> None:
        """Numbers that pass: shown by the tracker and the log, kept in no artifact."""
        self.tracker.log(step, values)
        self.log.info("step %d %s", step, " ".join(f"{key}={value:.5g}" for key, value in values.items()))

    def only_first_rank(self) -> None:
        """From here on one process goes on: the others, where there are any, have nothing to write."""
        _ranks.leave()

    def curve(self, rows: Sequence[Mapping[str, float | None]]) -> None:
        """Numbers that reproduce, by step: plots/<stage>.csv. A row may lack a column."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [",".join("" if row.get(column) is None else repr(row[column]) for column in columns) for row in rows]
        write_text(Path("plots") / f"{self.name}.csv", "\n".join([",".join(columns), *lines]) + "\n")


@dataclass(frozen=True)
class Stage:
    """A recipe as a program. Its file says its name: stages/sft.py is `sft`; stages/align/dpo.py runs entries of the list `align`."""

    config: type[Any]
    recipe: Callable[[Any, Run], Metrics | None]
    path: tuple[str, ...]  # ("align", "dpo")
    shared: tuple[str, ...] = ()  # sections that enter the Config beside the stage's own
    each: tuple[str, str] | None = None  # ("models", "model"): one run for each entry of `models`, which enters the Config as `model`
    hub: bool = False  # it may read from a hub of data sets
    writes: tuple[str, ...] = ()  # keys of files that it writes beside its target
    ranks: bool = False  # several processes can run it together; its Config says how many can share a step (ranks_that_share)

    @property
    def group(self) -> str:
        """The section of the settings."""
        return self.path[0]

    def entries(self, settings: Mapping[str, Any]) -> list[str] | None:
        """The entries that this stage runs; None where it is no list."""
        if self.each:
            return list(settings[self.each[0]])
        if len(self.path) == 1:
            return None
        return [name for name, entry in settings[self.group].items() if self.path[1] in (entry.get("method"), entry.get("format"))]

    def section(self, settings: Mapping[str, Any], entry: str | None) -> dict[str, Any]:
        """What the stage is told: its own section, closed, and the shared ones."""
        own: dict[str, Any] = dict(settings[self.group])
        if self.each and entry:
            own |= {self.each[1]: settings[self.each[0]][entry], "target": f"{own['target']}/{entry}"}
        elif entry:
            own = {key: value for key, value in own[entry].items() if key not in FOR_DVC}
        return own | {name: settings[name] for name in self.shared}

    def at(self, entry: str | None) -> str:
        """Where its keys stand: align.dpo."""
        return self.group if self.each or not entry else f"{self.group}.{entry}"

    def paths(self, cfg: Any) -> list[Path]:
        """Everything on disk that a Config names."""
        return [*found(cfg, Path), *(artifact.path for artifact in found(cfg, Artifact))]

    def chosen(self, settings: Mapping[str, Any], words: Sequence[str]) -> str | None:
        """The entry that the command line names, or the only one there is."""
        entries = self.entries(settings)
        if entries is None:
            if words:
                raise PipelineError(f"{self.group} takes no {words[0]}", mend=f".venv/bin/python -m stages.{'.'.join(self.path)} KEY=VALUE")
            return None
        wanted = words[0] if words else self.path[-1] if self.path[-1] in entries else entries[0] if len(entries) == 1 else None
        if wanted not in entries:
            said = f"no entry {wanted}" if wanted else "several entries"
            mend = f".venv/bin/python -m stages.{'.'.join(self.path)} ENTRY, one of: {', '.join(entries)}"
            if wanted and (Path("conf") / self.group / f"{wanted}.yaml").is_file():  # it only isn't chosen
                mend += f"; or add '{self.group}=[{','.join([*settings[self.group], wanted])}]'"
            raise PipelineError(f"{self.group} has {said}", mend=mend)
        return wanted

    def __call__(self) -> None:
        """Run as a program: `[ENTRY] [key=value ...]`, --help, --cfg."""
        if {"--help", "-h", "--cfg", "-m", "--multirun"} & set(sys.argv[1:]):
            from stages._help import show

            show(self, sys.argv[1:])
            return
        log = logger("/".join(self.path))
        if self.hub:
            os.environ["HF_HUB_OFFLINE"] = HUB_OFFLINE  # looked at when `datasets` is imported, which waits for a source hub:...
            if hub := sys.modules.get("huggingface_hub.constants"):  # transformers has brought it, and it has looked already
                hub.HF_HUB_OFFLINE = HUB_OFFLINE.upper() in hub.ENV_VARS_TRUE_VALUES  # type: ignore[attr-defined]
        try:
            settings = read_settings([word for word in sys.argv[1:] if "=" in word])
            entry = self.chosen(settings, [word for word in sys.argv[1:] if "=" not in word])
            hardware = typed(Hardware, settings["hardware"], at="hardware")
            if self.ranks and not _ranks.among():
                cfg = typed(self.config, self.section(settings, entry), at=self.at(entry))  # its faults are told once
                ranks = hardware.processes(cfg.ranks_that_share)
                if ranks * hardware.nodes > 1:
                    _ranks.launch(".".join(("stages", *self.path)), sys.argv[1:], ranks=ranks, nodes=hardware.nodes)
                    return
            run_stage(self, settings, entry)
        except PipelineError as fault:
            log.error("%s", in_full(fault))
            log.debug("where", exc_info=True)
            sys.exit(1)
        except Exception as fault:
            if told := full_disk(fault, ROOT / ".run", ROOT / "data", ROOT, made=Path("data")):
                log.error("%s", told)
                log.debug("where", exc_info=True)
            else:
                log.exception("a fault of the program, not of its settings or input")
            sys.exit(1)
        except KeyboardInterrupt:
            log.error("stopped; what was done is kept: run again to go on")
            sys.exit(130)


def stage(
    config: type[A],
    *,
    shared: tuple[str, ...] = (),
    each: tuple[str, str] | None = None,
    hub: bool = False,
    writes: tuple[str, ...] = (),
    ranks: bool = False,
) -> Callable[[Callable[[A, Run], Metrics | None]], Stage]:
    """Make a recipe into a program; see Stage for what the arguments mean."""

    def made(recipe: Callable[[A, Run], Metrics | None]) -> Stage:
        file = Path(recipe.__code__.co_filename).resolve()
        path = file.relative_to(FOLDER).with_suffix("").parts if file.is_relative_to(FOLDER) else (file.stem,)
        return Stage(config, recipe, path, shared, each, hub, writes, ranks)

    return made


def run_stage(stage: Stage, settings: Mapping[str, Any], entry: str | None) -> None:
    """Run one stage from its settings to its metrics."""
    started = time.perf_counter()
    gc.freeze()  # what was imported is no garbage
    gc.set_threshold(*PYTHONS_OWN)
    name = f"{stage.group}/{entry}" if entry else stage.group
    log = logger(name)
    log.info("begin")
    place = Place(settings)
    if _ranks.first() and (head := place.head):
        log.info("%s", head)
        print(head, file=sys.stderr)
    section = stage.section(settings, entry)
    cfg = typed(stage.config, section, at=stage.at(entry))
    named = getattr(cfg, "target", None)
    target = named if isinstance(named, Artifact) else None
    if target and _ranks.first():
        claim(target.path, target.kind)  # before the work, not after it
    hardware, track = typed(Hardware, settings["hardware"], at="hardware"), typed(Track, settings["track"], at="track")
    track = replace(track, folder=str(ROOT / track.folder))
    inputs = {str(artifact.path): artifact.digest for artifact in found(cfg, Artifact) if artifact is not target}
    own = [getattr(cfg, key) for key in stage.writes]
    outside = {str(path): fingerprint(path) for path in found(cfg, Path) if path not in own}
    code = key_of(code_fingerprint(stage))
    key = key_of(section, code, inputs, outside, [hardware.device, hardware.threads])
    note, curve = ROOT / ".run/notes" / name / f"{key}.json", Path("plots") / f"{name}.csv"
    mine = scratch_folder(ROOT / ".run" / name, key, waits=partial(told_to_wait, log))
    with mine if _ranks.first() else nullcontext((ROOT / ".run" / name / key, False)) as (scratch, waited):
        group = group_of(settings)
        tracker = tracker_for(track, group=group, stage=name, config=section) if _ranks.first() else NoTracker()
        whole = partial(send_whole, track, group, log)
        run = Run(name, stage.at(entry), code, key_of(section), scratch, hardware, tracker, log, whole)
        log.info("settings %s", json.dumps(section))
        taken, metrics = take_over(note, target) if waited and target else (False, None)
        if _ranks.among():
            taken = _ranks.join(run.device, taken)
        if taken:
            log.warning("took the result of the other process")
        else:
            prepare(run)
            with lack_told(section, at=run.section), gentler_told(section, at=run.section):
                metrics = stage.recipe(cfg, run)
            if target:
                leave_note(note, target, metrics=metrics, beside=[curve, *own])
        run.tracker.finish(metrics or {})
    if metrics is not None:
        write_json(Path("metrics") / f"{name}.json", metrics)
    write_json(LOG / f"{name}.json", provenance(run, inputs, time.perf_counter() - started, told=place.told))
    log.info("metrics %s", json.dumps(metrics))


def told_to_wait(log: logging.Logger, folder: Path) -> None:
    """One line on the terminal while another process does the same work."""
    log.warning("another process is at work on the same, in %s: waiting for its result", folder)


def send_whole(track: Track, group: str, log: logging.Logger, made: Callable[[str], PipelineRun]) -> None:
    """Send the run of all stages, under DVC only: by hand params.yaml is not what ran. No fault of a tracker undoes a stage."""
    if track.kind == "none" or "DVC_STAGE" not in os.environ:
        return
    try:
        send(track, made(group))
    except Exception:  # each tracker has its own faults, those of the network among them
        log.warning("the run as a whole was not sent to %s; make publish sends it", track.kind)
        log.debug("why", exc_info=True)


def code_fingerprint(stage: Stage) -> Any:
    """What the stage's code is: as planned under DVC, worked out by hand."""
    if "DVC_STAGE" in os.environ:
        return json.loads(Path("plan/code", *stage.path).with_suffix(".json").read_text())
    from pipeline.core.closure import Code  # under DVC the plan has done this

    return Code(Path(), ("pipeline", "stages")).fingerprint(".".join(("stages", *stage.path)))


def prepare(run: Run) -> None:
    """A copy of dvc.lock while DVC does not write it; threads and determinism of the libraries that the stage has imported."""
    if "DVC_STAGE" in os.environ:
        keep(Path("dvc.lock"), KEPT_LOCK)
    os.environ.setdefault("OMP_NUM_THREADS", str(run.threads))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(run.threads)
        torch.use_deterministic_algorithms(True)
