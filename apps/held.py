"""What each run holds of DVC's cache: the workspace, experiments, and commits with a dvc.lock of their own."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apps.revisions import experiments
from pipeline.report.revisions import WORKSPACE, git

LOCK = "dvc.lock"
ELSEWHERE = {".git", ".dvc", ".venv", ".run"}  # folders whose files name no object of the workspace
_NAME = re.compile(rb"md5: ([0-9a-f]{32}(?:\.dir)?)\b")


@dataclass(frozen=True)
class Held:
    """Bytes of a run in the cache."""

    name: str
    all: int
    own: int  # of these, what no other run holds


def held(cache_folder: Path, *, in_git: bool) -> list[Held]:
    """Of each run that has something there, those first that have most to themselves. Runs with the same data are one, the newest."""
    runs: dict[frozenset[str], str] = {}
    for name, lock in locks(in_git=in_git):
        objects = frozenset(one for one in objects_of(lock, cache_folder) if size_of(one, cache_folder))
        if objects:
            runs.setdefault(objects, name)
    holders = Counter(one for objects in runs for one in objects)
    found = [
        Held(
            name,
            sum(size_of(one, cache_folder) for one in objects),
            sum(size_of(one, cache_folder) for one in objects if holders[one] == 1),
        )
        for objects, name in runs.items()
    ]
    return sorted(found, key=lambda run: (-run.own, -run.all, run.name))


def locks(*, in_git: bool) -> Iterator[tuple[str, bytes]]:
    """Every dvc.lock that is known, with the name of its run."""
    if Path(LOCK).is_file():
        yield WORKSPACE, Path(LOCK).read_bytes()
    if not in_git or not git("rev-list", "--all", "--max-count=1"):
        return
    named: Mapping[str, str] = experiments()
    for name, commit in named.items():
        if listed(commit):
            yield f"experiment {name}", git("show", f"{commit}:./{LOCK}")
    for line in git("log", "--branches", "--tags", "HEAD", "--format=%h %cs", "--diff-filter=AM", "--", LOCK).decode().splitlines():
        commit, date = line.split()
        yield f"commit {commit} of {date}", git("show", f"{commit}:./{LOCK}")


def listed(commit: str) -> bool:
    """Whether a commit has a dvc.lock."""
    return bool(git("ls-tree", "--name-only", commit, "--", LOCK).strip())


def named(cache_folder: Path, *, all_runs: bool) -> set[str]:
    """The objects that the workspace needs, and with `all_runs` every commit and experiment: by dvc.lock, and by .dvc files of `dvc add`.

    DVC's own gc reads each commit's dvc.yaml, stops at the first that today's DVC can't, and takes minutes for some hundred.
    """
    texts = [path.read_bytes() for path in naming(Path())]
    if all_runs and git("rev-list", "--all", "--max-count=1"):
        raw = ("log", "--raw", "-m", "--root", "--no-abbrev", "--no-renames", "--full-history", "--format=", "--all", "HEAD")
        lines = git(*raw, "--", LOCK, "*.dvc").decode().splitlines()
        blobs = {blob for line in lines for blob in line.split(maxsplit=4)[2:4]}  # of a file before and after each change
        texts += [git("cat-file", "blob", blob) for blob in blobs if blob.strip("0")]
    return {one for text in texts for one in objects_of(text, cache_folder)}


def naming(folder: Path) -> Iterator[Path]:
    """The files below the folder that name objects, whether git knows them or not."""
    for above, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one not in ELSEWHERE]
        yield from (path for path in (Path(above, one) for one in files) if names(path) and path.is_file())


def names(path: Path) -> bool:
    """Whether a file of this name names objects."""
    return path.name == LOCK or path.suffix == ".dvc"


def objects_of(lock: bytes, cache_folder: Path) -> Iterator[str]:
    """The objects that a dvc.lock names, and the files of its folders. What it only read and did not make is in no cache."""
    for name in {found.decode() for found in _NAME.findall(lock)}:
        yield name
        if name.endswith(".dir"):
            yield from files_of(name, cache_folder)


@cache
def files_of(name: str, cache_folder: Path) -> tuple[str, ...]:
    """The objects of a folder's files."""
    path = path_of(name, cache_folder)
    return tuple(row["md5"] for row in json.loads(path.read_bytes())) if path.is_file() else ()


@cache
def size_of(name: str, cache_folder: Path) -> int:
    """Bytes of an object; 0 where it is not there."""
    path = path_of(name, cache_folder)
    return path.stat().st_size if path.is_file() else 0


def path_of(name: str, cache_folder: Path) -> Path:
    """Where the cache has it."""
    return cache_folder / "files/md5" / name[:2] / name[2:]
