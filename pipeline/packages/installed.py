"""The locked distributions as they are installed, and the files that their own records name."""

import importlib.metadata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from pipeline.core.errors import PipelineError
from pipeline.core.locked import check_lock, locked, normal

TEXTS = (".md", ".rst", ".txt")
_ABOUT_INSTALLING = {"entry_points.txt", "top_level.txt", "sources.txt", "requires.txt"}  # beside METADATA, for machines
_LICENCES = ("licen", "copying", "notice", "author", "third-party")  # how their files begin


@dataclass(frozen=True)
class Package:
    """An installed distribution; its name is in the normal form, so that two machines name it alike."""

    name: str
    version: str  # as locked, without the build
    distribution: importlib.metadata.Distribution

    @cached_property
    def files(self) -> list["DocumentedFile"]:
        """What may hold documentation: modules and text files in the order of their paths, the description last.

        The record of another build of the version (torch+cpu, torch+cu) may name other binaries, and a folder with the build in its name.
        """
        if (recorded := self.distribution.files) is None:
            mend = f".venv/bin/python -m pip install --force-reinstall --no-deps {self.name}=={self.version}"
            raise PipelineError(f"{self.name} is installed without a record of its files", mend=mend)
        found = [DocumentedFile(self, named) for path in recorded if (named := _named(self.name, PurePosixPath(path.as_posix())))]
        return [*sorted(found, key=lambda file: file.path), DocumentedFile(self, None)]


@dataclass(frozen=True)
class DocumentedFile:
    """A file of a package; without a place it is the description in its METADATA."""

    package: Package
    place: tuple[str, PurePosixPath] | None  # its path without version, and the path in the record

    @property
    def path(self) -> str:
        """Its path as every machine has it."""
        return self.place[0] if self.place else "METADATA"

    @property
    def is_module(self) -> bool:
        """Whether it is Python's source."""
        return self.path.endswith(".py")

    @property
    def is_licence(self) -> bool:
        """Whether it is a licence, a notice or a list of authors: the text of many packages, and so of none."""
        *folders, name = self.path.lower().split("/")
        return name.startswith(_LICENCES) or any(folder.startswith(_LICENCES) for folder in folders)

    def read(self) -> bytes:
        """Its bytes; of METADATA those below the header."""
        if self.place is None:
            text = self.package.distribution.read_text("METADATA") or ""
            return text.replace("\r\n", "\n").partition("\n\n")[2].encode("utf-8", "surrogateescape")
        place = Path(str(self.package.distribution.locate_file(str(self.place[1]))))
        try:
            return place.read_bytes()
        except FileNotFoundError as fault:
            mend = f".venv/bin/pip install --force-reinstall --no-deps {self.package.name}=={self.package.version}"
            raise PipelineError(f"{place} is gone, which the record of {self.package.name} names", mend=mend) from fault


def installed(lock: Path) -> list[Package]:
    """The distributions of the lock, by name. PipelineError where one is missing or has another version."""
    check_lock(lock)
    found = [Package(normal(name), version, importlib.metadata.distribution(name)) for name, version in locked(lock)]
    return sorted(found, key=lambda package: package.name)


def _named(package: str, path: PurePosixPath) -> tuple[str, PurePosixPath] | None:
    """The path without the version, and as it is; None where there is no documentation, or it lies outside the environment."""
    top, *rest = path.parts
    if top == ".." or path.is_absolute() or path.suffix.lower() not in (".py", *TEXTS):
        return None
    if not top.endswith(".dist-info"):
        return path.as_posix(), path
    return None if path.name.lower() in _ABOUT_INSTALLING else ("/".join((f"{package}.dist-info", *rest)), path)
