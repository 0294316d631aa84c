"""What the lock names, and what of it is installed."""

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from pipeline.core.errors import PipelineError

MISSING = "missing"


def normal(name: str) -> str:
    """The normal form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def release_of(name: str) -> str:
    """The installed version without its build: a CPU build of torch is 2.13.0+cpu, and which build computes is hardware."""
    return importlib.metadata.version(name).split("+")[0]


def locked(lock: Path) -> Iterator[tuple[str, str]]:
    """Name and version of every line of the lock that is for this Python. PipelineError where there is no such file or line."""
    if not lock.is_file():
        raise PipelineError(f"there is no {lock}", mend=f"git checkout {lock}")
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            wanted = Requirement(line)
        except InvalidRequirement as fault:
            raise PipelineError(f"{lock}:{number} is no line of a lock: {line!r}", mend=f"git checkout {lock}") from fault
        if not wanted.marker or wanted.marker.evaluate():
            yield wanted.name, str(wanted.specifier).removeprefix("==")


def check_lock(lock: Path) -> None:
    """Compare the installed distributions with every line of the lock that is for this Python; PipelineError lists all differences."""
    faults = []
    for name, version in locked(lock):
        try:
            installed = release_of(name)
        except importlib.metadata.PackageNotFoundError:
            installed = MISSING
        if installed != version:
            faults.append(f"{name} {installed} (locked: {version})")
    if faults:
        raise PipelineError(f"installed packages differ from {lock.name}: {', '.join(faults)}", mend="make setup")
