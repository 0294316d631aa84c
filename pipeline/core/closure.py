"""The fingerprint of a module's code: of the files that it imports, directly or not, without comments and docstrings.

A comment changes nothing here, nor does another minor of Python (pipeline/core/syntax.py); a constant changes every
stage whose imports reach it. Files in the packages of the closure that are not Python count byte by byte, and so do
the versions of the installed distributions that the closure imports, or whose files it reads.
"""

import ast
import importlib.metadata
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from pipeline.core.errors import PipelineError
from pipeline.core.files import sha256_of
from pipeline.core.locked import normal, release_of
from pipeline.core.syntax import syntax_hash

# They show or prepare a run and cannot change its result: an upgrade of the tracker must not retrain a model.
# Engines share the work out and give the same bytes: one that is installed later must not run the chain again.
UNSEEN = {
    "pipeline.core.track",
    "pipeline.core.progress",
    "pipeline.core.closure",
    "pipeline.core.lockfile",
    "wandb",
    "trackio",
    "tqdm",
    "grimp",
    "hydra",
}
UNSEEN |= {"ray", "dask", "distributed", "submitit"}

# What is or was part of Python in one of the minors 3.11 to 3.14 is no distribution in any of them.
STDLIB = sys.stdlib_module_names | {"annotationlib", "compression"}
STDLIB |= {"asynchat", "asyncore", "distutils", "imp", "smtpd"}  # until 3.11; the rest until 3.12
STDLIB |= {"aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev"}
STDLIB |= {"pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"}


class Code:
    """The import graph of the project's own packages."""

    def __init__(self, root: Path, packages: Iterable[str]) -> None:
        self._root = root
        self._own = tuple(packages)
        try:
            self._graph = grimp.build_graph(*self._own, include_external_packages=True, cache_dir=None)
        except grimp.exceptions.SourceSyntaxError as fault:
            raise PipelineError(f"the project's code can't be read: {fault}", mend="correct the file") from fault
        self._distributions = importlib.metadata.packages_distributions()
        self._read = cache(read_code)  # most files are in the closure of many stages

    def fingerprint(self, module: str) -> dict[str, Any]:
        """The closure's files with their hashes, its distributions with their versions."""
        reached = self._reached(module)
        own = sorted(name for name in reached if name.split(".")[0] in self._own)
        external = {name.split(".")[0] for name in reached} - set(self._own) - STDLIB
        files = [self._file(name) for name in own]
        read = {file: self._read(file) for file in files}
        external |= {name for _, packages in read.values() for name in packages}
        tables = {path for file in files for path in file.parent.iterdir() if self._is_table(path)}
        return {
            "code": {self._name(file): digest for file, (digest, _) in read.items()},
            "tables": {self._name(path): sha256_of(path) for path in sorted(tables)},
            "packages": self._versions(external),
        }

    def _reached(self, module: str) -> set[str]:
        """The module, all that it imports directly or not, and the packages in which these lie (Python runs those too)."""
        reached: set[str] = set()
        waiting = {module}
        while waiting:
            name = waiting.pop()
            reached.add(name)
            parents = {name.rsplit(".", 1)[0]} & self._graph.modules
            waiting |= (self._graph.find_modules_directly_imported_by(name) | parents) - reached - UNSEEN
        return reached

    def _file(self, module: str) -> Path:
        path = self._root.joinpath(*module.split("."))
        package = path / "__init__.py"
        return package if package.is_file() else path.with_suffix(".py")  # a folder without __init__ may have the name of a module

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _is_table(self, path: Path) -> bool:
        """Whether a file beside the code is read by it: no code itself, no trace of an editor, nothing of stages/."""
        code, traces = {".py", ".pyc", ".md"}, (".", "~", "#")
        return (
            path.is_file() and path.suffix not in code and not path.name.startswith(traces) and self._name(path).split("/")[0] != "stages"
        )

    def _versions(self, imports: Iterable[str]) -> dict[str, str]:
        names = {normal(name) for imported in imports for name in self._distributions.get(imported, [])}
        return {name: release_of(name) for name in sorted(names)}


def read_code(path: Path) -> tuple[str, set[str]]:
    """The hash of the file's syntax; the packages whose files it reads by importlib.resources.files("NAME"), which is no import."""
    source = path.read_bytes()
    tree = ast.parse(source, filename=path.name)
    return syntax_hash(tree), packages_read(tree) if b"files(" in source else set()  # few files do, and a walk takes as long as a hash


def packages_read(tree: ast.AST) -> set[str]:
    """The top-level packages that the code names in files("NAME")."""
    packages = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == "files":
            packages |= {str(name.value).split(".")[0] for name in node.args[:1] if isinstance(name, ast.Constant)}
    return packages
