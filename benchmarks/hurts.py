"""The ways in which the product is hurt, and what came of each: used by `make hurt`, and in a short form by the tests."""

import difflib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from benchmarks.clones import clone, environment
from pipeline.core import manifest
from pipeline.core.cache import Stored, stored
from pipeline.core.errors import PipelineError

PATIENCE_S = 900  # a command that takes longer is stuck
HOWS = ("flip", "halve", "empty", "delete")
FULL = ("no room is left", "No space left on device", "os error 28")
BUSY = ("Unable to acquire lock", "is busy", "another process is at work", "another dvc is at work")


@dataclass(frozen=True)
class Outcome:
    """Counts of one way to be hurt. What is neither named nor healed is silent."""

    tried: int = 0
    named: int = 0  # found, and told by name
    healed: int = 0  # whole again after one command
    equal: int = 0  # dvc.lock and all artifacts as before
    silent: int = 0
    tracebacks: int = 0
    stuck: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True)
class Said:
    """A command that has ended, or did not."""

    code: int | None  # None: stuck, and killed
    text: str

    @property
    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.text


@dataclass(frozen=True)
class Site:
    """A clone in which the chain runs."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *words: str, patience: float = PATIENCE_S) -> Said:
        """A program of the clone's own Python: `-m dvc repro`."""
        with self.start(*words) as process:
            try:
                text, _ = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return Said(None, process.communicate()[0])
        return Said(process.returncode, text)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The same, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def repro(self) -> Said:
        return self.run("-m", "dvc", "repro")

    @property
    def lock(self) -> bytes:
        path = self.folder / "dvc.lock"
        return path.read_bytes() if path.is_file() else b""

    def outs(self) -> list[Path]:
        """The artifacts that dvc.lock names, in the order of the data."""
        stages = yaml.load(self.lock, yaml.CSafeLoader)["stages"]
        places = [self.folder / out["path"] for stage in stages.values() for out in stage.get("outs", ())]
        return [place for place in places if (place / manifest.NAME).is_file()]

    def whole(self) -> bool:
        """Whether every artifact is what its manifest says."""
        return all(fault_in(place) is None for place in self.outs())


def fresh(folder: Path, *, size: str) -> Site:
    """A clone in which nothing has run."""
    clone(folder, size=size)
    site = Site(folder, environment())
    for name in ("dvc.lock", "params.yaml", "plan/composed.yaml"):
        (folder / name).unlink()
    site.run("-m", "stages.plan", "--params")
    return site


def harm(path: Path, how: str, draw: random.Random) -> None:
    """Flip one bit, halve, empty or delete a file."""
    path.chmod(0o644)  # DVC's objects are read-only
    if how == "delete":
        path.unlink()
        return
    content = bytearray(path.read_bytes())
    if how == "flip" and content:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content if how == "flip" else content[: len(content) // 2] if how == "halve" else b"")


def fault_in(place: Path) -> str | None:
    """What the artifact says of itself when it is opened; None where it is whole."""
    try:
        kind = json.loads((place / manifest.NAME).read_text()).get("kind", "")
    except (OSError, ValueError):
        kind = ""
    try:
        manifest.check(place, kind, mend="dvc repro")
    except PipelineError as fault:
        return str(fault)
    return None


def artifact(site: Site, place: Path, how: str, draw: random.Random) -> Outcome:
    """One file of an artifact of the workspace."""
    lock = site.lock
    victim = draw.choice(sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size))
    harm(victim, how, draw)
    named = fault_in(place) is not None
    said = site.repro()
    healed = said.code == 0 and fault_in(place) is None
    return outcome(said, named=named, healed=healed, equal=healed and site.lock == lock)


def cached(site: Site, how: str, draw: random.Random, *, most: int | None = None) -> Outcome:
    """Objects of DVC's cache, all at once; what the workspace still has whole comes back by `make heal`."""
    lock = site.lock
    named_by_lock = {one.name: one for one in stored_in(site) if one.path.stat().st_size}
    victims = list(named_by_lock.values())
    victims = victims if most is None else draw.sample(victims, min(most, len(victims)))
    for one in victims:
        harm(site.folder / one.path, how, draw)
    said = site.run("-m", "apps.heal", "--cache")
    found = said.code == 0 and f"damaged: {len(victims)}," in said.text
    whole = [one.is_whole() for one in stored_in(site) if one.name in {victim.name for victim in victims}]
    healed = sum(whole) if len(whole) >= len(victims) else 0
    again = site.repro()
    equal = again.code == 0 and site.lock == lock and site.whole()
    count = len(victims)
    return Outcome(
        tried=count,
        named=count * found,
        healed=min(healed, count),
        equal=count * equal,
        silent=0 if found else count,
        tracebacks=said.traceback + again.traceback,
        stuck=(said.code is None) + (again.code is None),
    )


def both(site: Site, stage: str, how: str, draw: random.Random) -> Outcome:
    """An object and its copy in the workspace: unless another artifact holds the same bytes, its stage must make it again."""
    lock = site.lock
    mine = {site.folder / one.place: one for one in stored_in(site) if one.stage == stage and one.place.suffix}
    victim = mine[draw.choice(sorted(path for path in mine if path.is_file() and path.stat().st_size))]
    state = draw.getstate()
    for path in (site.folder / victim.path, site.folder / victim.place):
        draw.setstate(state)  # the same bit in both
        if path.exists():
            harm(path, how, draw)
    said = site.run("-m", "apps.heal", "--cache")
    again = site.repro()
    healed = again.code == 0 and site.whole()
    named = how == "delete" or "damaged: 1," in said.text  # an object that is gone is not damaged
    return outcome(again, named=named, healed=healed, equal=healed and site.lock == lock) + traced(said)


def killed(site: Site, lock: bytes, kills: int, draw: random.Random, *, longest_s: float) -> Iterator[Outcome]:
    """Kills at random moments by random signals, each followed by another run, until the chain is through; then the next chain."""
    while kills > 0:
        forget(site)
        done = False
        while not done and kills > 0:
            ended = interrupted(site, draw.uniform(0.3, longest_s), draw.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
            done = ended is None
            if ended is not None:
                kills -= 1
                show_traceback(ended)
                yield Outcome(tried=1, named=1, tracebacks=ended.traceback, stuck=ended.code is None)
        site.run("-m", "apps.heal")  # a lock that was torn; `make repro` calls it
        last = site.repro()
        same = last.code == 0 and site.lock == lock and site.whole()
        if last.code:
            print(last.text[-3000:], file=sys.stderr)
        elif site.lock != lock:
            show_difference(lock, site.lock)
        yield Outcome(healed=last.code == 0, equal=same, silent=0 if same else 1, tracebacks=last.traceback, stuck=last.code is None)


def interrupted(site: Site, after_s: float, by: signal.Signals) -> Said | None:
    """What a run said that was stopped; None where it was through before."""
    site.run("-m", "apps.heal")
    with site.start("-m", "dvc", "repro") as process:
        try:
            text, _ = process.communicate(timeout=after_s)
            return None if process.returncode == 0 else Said(process.returncode, text)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, by)
        try:
            return Said(by, process.communicate(timeout=120)[0])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Said(None, process.communicate()[0])


def twins(site: Site, lock: bytes) -> Outcome:
    """Two runs at once of a chain that has not run."""
    forget(site)
    first, second = site.start("-m", "dvc", "repro"), site.start("-m", "dvc", "repro")
    said = [Said(process.wait(), text) for process, text in ((one, one.communicate()[0]) for one in (first, second))]
    named = all(one.code == 0 or any(word in one.text for word in BUSY) for one in said)
    last = site.repro()
    same = last.code == 0 and site.lock == lock and site.whole()
    return outcome(last, named=named, healed=last.code == 0, equal=same) + Outcome(tracebacks=sum(one.traceback for one in said))


def full_disk(make: Callable[[], Site], grow: Callable[[], None], lock: bytes) -> Outcome:
    """A disk that is full somewhere on the way; then there is room."""
    site = make()
    said = site.repro()
    named = said.code == 0 or any(word in said.text for word in FULL)
    grow()
    last = site.repro()
    same = last.code == 0 and site.lock == lock and site.whole()
    return outcome(last, named=named, healed=last.code == 0, equal=same) + traced(said)


def outcome(said: Said, *, named: bool, healed: bool, equal: bool) -> Outcome:
    """Of one try."""
    show_traceback(said)
    return Outcome(1, named, healed, equal, not named and not healed, said.traceback, said.code is None)


def traced(said: Said) -> Outcome:
    """What a further command adds to a try."""
    show_traceback(said)
    return Outcome(tracebacks=said.traceback, stuck=said.code is None)


def show_traceback(said: Said) -> None:
    """What nobody should see, for who mends it."""
    if said.traceback:
        print(said.text[max(0, said.text.index("Traceback") - 300) :][:3000], file=sys.stderr)


def show_difference(wanted: bytes, found: bytes) -> None:
    """Of two dvc.lock, for who mends it."""
    lines = difflib.unified_diff(wanted.decode().splitlines(), found.decode().splitlines(), "undisturbed", "killed", lineterm="", n=6)
    print("\n".join(list(lines)[:80]), file=sys.stderr)


def forget(site: Site) -> None:
    """As if nothing had run."""
    for name in ("data", ".run", ".dvc/cache", ".dvc/tmp", "metrics", "plots"):
        shutil.rmtree(site.folder / name, ignore_errors=True)
    for name in ("dvc.lock", "metrics.json"):
        (site.folder / name).unlink(missing_ok=True)
    subprocess.run(["git", "checkout", "--quiet", "--", "data"], cwd=site.folder, check=True)


def stored_in(site: Site) -> list[Stored]:
    """The cache's objects that dvc.lock names, their places relative to the clone."""
    here = Path.cwd()
    os.chdir(site.folder)
    try:
        return list(stored(Path("dvc.lock"), site.folder / ".dvc/cache"))
    finally:
        os.chdir(here)
