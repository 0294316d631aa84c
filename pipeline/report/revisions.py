"""The files of a run: at a revision, from git's objects and DVC's cache, or as they lie in a folder. Nothing is checked out.

DVC itself is not asked: it would take a third of a second for each revision.
"""

import configparser
import csv
import io
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import orjson
import yaml

from pipeline.core.errors import InputError
from pipeline.report.changes import STAGES, Side
from pipeline.report.compared import ComparedRun
from pipeline.report.learning import Rows, rows_of
from pipeline.report.stage_files import StageFiles

WORKSPACE = "workspace"
Fetch = Callable[[Path, str | None, str], BinaryIO]  # (root, commit, path): what the cache lacks; FileNotFoundError where no remote has it
EVALUATE, ANSWERS = "data/evaluate", "answers.jsonl"
_PARAMS, _LOCK, _FINGERPRINTS = "params.yaml", "dvc.lock", "plan/code"
_RUN = (_PARAMS, _LOCK, "metrics", "plots")  # what git has of a run
_TREE = ".dir"  # the suffix of a folder's object: a list of its files
_LOCKED_PARAMS = re.compile(r"^    params:\n(?:      .*\n)*", re.MULTILINE)  # most of the lock, and said in params.yaml


class Revision:
    """The project's files at a revision, those of DVC among them; or, without one, the files of a folder and what its lock names."""

    def __init__(
        self, name: str, *, root: Path | None = None, commit: str | None = None, origin: str = "", fetch: Fetch | None = None
    ) -> None:
        self.name, self.origin, self.root, self.commit, self.fetch = name, origin or name, root or Path(), commit, fetch

    def open(self, path: str, mode: str = "rb") -> BinaryIO:
        """The file; FileNotFoundError where it is neither in the folder nor in the cache."""
        if (known := self._tracked(path)) is not None:
            return io.BytesIO(known) if isinstance(known, bytes) else known.open("rb")
        out, inside = self._out_of(path)
        if not out:
            raise FileNotFoundError(path)
        name = self._listed(out).get(inside) if inside else self.outs.get(out)
        if name and (stored := self._stored(name)).is_file():
            return stored.open("rb")
        if self.fetch and self._remote:
            return self.fetch(self.root, self.commit, path)
        raise FileNotFoundError(path)

    def read(self, path: str) -> Any:
        """A YAML or JSON file; nothing where there is none."""
        try:
            with self.open(path) as file:
                content = file.read()
        except FileNotFoundError:
            return {}
        return orjson.loads(content) if path.endswith(".json") else yaml.load(content, Loader=yaml.CSafeLoader) or {}

    def below(self, folder: str) -> list[str]:
        """The paths of the files in a folder and in its folders."""
        if self.commit:
            found = set(git("ls-tree", "-r", "-z", "--name-only", self.commit, "--", folder).decode().split("\0")) - {""}
        else:
            found = {path.relative_to(self.root).as_posix() for path in (self.root / folder).rglob("*") if path.is_file()}
        for out in self.outs:
            if PurePosixPath(out).is_relative_to(folder):
                found |= {f"{out}/{name}" for name in self._listed(out)}
        return sorted(found)

    @cached_property
    def outs(self) -> dict[str, str]:
        """What dvc.lock calls the content of each out."""
        try:
            with self.open(_LOCK) as file:
                text = _LOCKED_PARAMS.sub("", file.read().decode())
            blocks = (yaml.load(text, Loader=yaml.CSafeLoader) or {}).get("stages") or {}
        except FileNotFoundError:
            return {}
        except yaml.YAMLError as fault:
            raise InputError(f"{_LOCK} of {self.name} can't be read", mend="make heal") from fault
        return {out["path"]: out["md5"] for block in blocks.values() for out in block.get("outs", ()) if "md5" in out}

    def metrics(self) -> dict[str, Any]:
        """The metrics of all stages, by stage."""
        return {stage_of(path): self.read(path) for path in self._tracked_below("metrics", ".json")}

    def curves(self) -> dict[str, Rows]:
        """The curves of all stages that have one."""
        found = {}
        for path in self._tracked_below("plots", ".csv"):
            with self.open(path) as file:
                found[stage_of(path)] = rows_of(csv.DictReader(io.TextIOWrapper(file, "utf-8", newline="")))
        return found

    def fingerprints(self) -> dict[str, Any]:
        """What the plan says of each stage's code; nothing of one that is not in the cache."""
        found = ((PurePosixPath(path).relative_to(_FINGERPRINTS), self.read(path)) for path in self.below(_FINGERPRINTS))
        return {path.with_suffix("").as_posix(): content for path, content in found if content}

    def side(self) -> Side:
        """The stages' data, and what dvc.lock calls it."""
        locked = {stage: self.outs[f"data/{stage}"] for stage in STAGES if f"data/{stage}" in self.outs}
        folders = {stage: StageFiles(self, f"data/{stage}") for stage in STAGES}
        return Side(name=self.name, folders=folders, locked=locked, sure=self.commit is not None)

    def models(self) -> list[str]:
        """Those whose answers are known."""
        return [PurePosixPath(path).parent.name for path in self.below(EVALUATE) if path.endswith(f"/{ANSWERS}")]

    def records(self, models: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """The answers of these models, item by item; a model that is neither in the folder nor in the cache is left out."""
        found = {}
        for model in models:
            try:
                with self.open(f"{EVALUATE}/{model}/{ANSWERS}") as file:
                    found[model] = [orjson.loads(line) for line in file.read().splitlines()]
            except FileNotFoundError:
                continue
        return found

    def run(self) -> ComparedRun:
        """All that is compared."""
        return ComparedRun(
            name=self.name,
            origin=self.origin,
            settings=self.read(_PARAMS),
            metrics=self.metrics(),
            curves=self.curves(),
            code=self.fingerprints(),
            hashes={path: md5 for path, md5 in self.outs.items() if path.startswith("data/")},
            side=self.side(),
            records=self.records,
        )

    @cached_property
    def _blobs(self) -> dict[str, bytes]:
        """What git has of the run."""
        names = git("ls-tree", "-r", "-z", "--name-only", str(self.commit), "--", *_RUN).decode().split("\0")[:-1]
        return dict(zip(names, blobs([f"{self.commit}:{name}" for name in names]), strict=True))

    def _tracked(self, path: str) -> bytes | Path | None:
        if self.commit is None:
            return place if (place := self.root / path).is_file() else None
        if path.startswith(_RUN):
            return self._blobs.get(path)
        if self._out_of(path)[0]:
            return None
        return next(blobs([f"{self.commit}:{path}"]), None)

    def _tracked_below(self, folder: str, suffix: str) -> list[str]:
        names = [name for name in self._blobs if name.startswith(f"{folder}/")] if self.commit else self.below(folder)
        return [name for name in names if name.endswith(suffix)]

    def _out_of(self, path: str) -> tuple[str, str]:
        """The out that the path lies in, and the rest of it."""
        if path == _LOCK:
            return "", ""
        place = PurePosixPath(path)
        out = next((str(one) for one in (place, *place.parents) if str(one) in self.outs), "")
        return out, path.removeprefix(out).removeprefix("/") if out else ""

    def _listed(self, out: str) -> dict[str, str]:
        """The files of a folder and their objects."""
        name = self.outs.get(out, "")
        if not name.endswith(_TREE) or not (stored := self._stored(name)).is_file():
            return {}
        return {entry["relpath"]: entry["md5"] for entry in orjson.loads(stored.read_bytes())}

    def _stored(self, name: str) -> Path:
        return self._cache / "files" / "md5" / name[:2] / name[2:]

    @cached_property
    def _config(self) -> configparser.ConfigParser:
        config = configparser.ConfigParser(strict=False, interpolation=None)
        config.read([self.root / ".dvc" / name for name in ("config", "config.local")], encoding="utf-8")
        return config

    @cached_property
    def _cache(self) -> Path:
        return self.root / ".dvc" / self._config.get("cache", "dir", fallback="cache")

    @cached_property
    def _remote(self) -> bool:
        return any("remote" in section for section in self._config.sections())


def blobs(names: Sequence[str]) -> Iterator[bytes]:
    """The content of each of git's objects; one that is absent is left out."""
    text = git("cat-file", "--batch", told="".join(f"{name}\n" for name in names).encode())
    start = 0
    while start < len(text):
        end = text.index(b"\n", start)
        head = text[start:end].split()
        start = end + 1
        if head[-1] == b"missing":
            continue
        yield text[start : start + int(head[-1])]
        start += int(head[-1]) + 1


def git(*words: str, told: bytes | None = None) -> bytes:
    """What a command of git prints; subprocess.CalledProcessError where it fails, InputError where there is no repository."""
    done = subprocess.run(["git", *words], input=told, capture_output=True, check=False)
    if b"not a git repository" in done.stderr:
        raise InputError("there is no git repository here, so no commit and no experiment", mend="git init, or name folders of runs")
    done.check_returncode()
    return done.stdout


def stage_of(path: str) -> str:
    """align/dpo of metrics/align/dpo.json."""
    return PurePosixPath(*PurePosixPath(path).parts[1:]).with_suffix("").as_posix()
