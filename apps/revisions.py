"""Runs by their names: a commit, branch, tag or experiment, the workspace, the folder of a clone, a run of W&B."""

import fnmatch
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.core.errors import InputError
from pipeline.report import wandb_runs
from pipeline.report.compared import ComparedRun
from pipeline.report.revisions import EVALUATE, WORKSPACE, Revision, git

FOLDER = "folder"  # the origin of one
_EXPERIMENTS = "refs/exps/"


def runs(names: Sequence[str]) -> Iterator[ComparedRun]:
    """What is known of the runs, W&B's among them."""
    for name in names:
        if wandb_runs.is_run(name):
            yield from wandb_runs.runs(name)
        else:
            yield from (one.run() for one in revisions([name]))


def revision(name: str) -> Revision:
    """The files of a run by its name. InputError where there is none of that name."""
    if name == WORKSPACE:
        return Revision(name, fetch=_fetched)
    folder = Path(name)
    if folder.is_dir() and ((folder / "params.yaml").is_file() or (folder / EVALUATE).is_dir()):
        return Revision(name, root=folder, origin=FOLDER, fetch=_fetched)
    if commit := experiments().get(name):
        return Revision(name, commit=commit, origin=f"experiment {commit[:7]}", fetch=_fetched)
    try:
        commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError as fault:
        raise InputError(
            f"{name} is no commit, branch, tag, experiment or folder of a run", mend="git log --oneline, or dvc exp show"
        ) from fault
    return Revision(name, commit=commit, origin=f"commit {commit[:7]}", fetch=_fetched)


def revisions(names: Sequence[str]) -> Iterator[Revision]:
    """The same of several names; `beta-*` stands for all experiments whose names are such, in the order of their numbers."""
    for name in names:
        if not set(name) & set("*?["):
            yield revision(name)
        elif found := [one for one in experiments() if fnmatch.fnmatchcase(one, name)]:
            yield from map(revision, sorted(found, key=_natural))
        else:
            raise InputError(f"no experiment is named like {name}", mend="make experiments")


def experiments() -> dict[str, str]:
    """The commit of each experiment by its name; where two have one name, that of the commit at hand."""
    here = git("rev-parse", "HEAD").decode().strip()
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", _EXPERIMENTS).decode().splitlines()
    found: dict[str, str] = {}
    for line in listed:
        reference, commit = line.rsplit(" ", 1)
        baseline, _, name = reference.removeprefix(_EXPERIMENTS).rpartition("/")
        if "/" not in baseline:  # EXEC_HEAD and the like, the stash
            continue
        if name not in found or baseline.replace("/", "") == here:
            found[name] = commit
    return found


def _natural(name: str) -> list[Any]:
    return [(0, float(part), "") if re.fullmatch(r"\d+(\.\d+)?", part) else (1, 0.0, part) for part in re.split(r"(\d+(?:\.\d+)?)", name)]


def _fetched(root: Path, commit: str | None, path: str) -> BinaryIO:
    """A file that DVC's remote has."""
    from dvc.api import DVCFileSystem  # a third of a second
    from dvc.exceptions import DvcException
    from dvc_data.index.index import DataIndexDirError

    try:
        file: BinaryIO = DVCFileSystem(str(root), rev=commit, skip_instance_cache=True).open(path, "rb")
    except (DataIndexDirError, DvcException) as fault:
        raise FileNotFoundError(path) from fault
    return file
