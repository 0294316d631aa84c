"""What a module's code means: the files that it imports, directly or not, without comments and docstrings.

A comment changes nothing here; a constant changes every stage whose imports reach it. Files in
the packages of the closure that are not Python count byte by byte, and so do the versions of
the installed distributions that the closure imports, or whose files it reads.
"""

import ast
import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import grimp

from pipeline.core.errors import PipelineError
from pipeline.core.files import sha256_of

# They show or prepare a run and cannot change its result: an upgrade of the tracker must not retrain a model.
# Engines share the work out and give the same bytes: one that is installed later must not run the chain again.
UNSEEN = {"pipeline.core.track", "pipeline.core.progress", "pipeline.core.closure", "wandb", "tqdm", "grimp", "hydra"}
UNSEEN |= {"ray", "dask", "distributed", "submitit"}


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

    def meaning(self, module: str) -> dict[str, Any]:
        """Python's version, the closure's files with their hashes, its distributions with their versions."""
        reached = self._reached(module)
        own = sorted(name for name in reached if name.split(".")[0] in self._own)
        external = {name.split(".")[0] for name in reached} - set(self._own) - set(sys.stdlib_module_names)
        files = [self._file(name) for name in own]
        read = {file: self._read(file) for file in files}
        external |= {name for _, packages in read.values() for name in packages}
        tables = {path for file in files for path in file.parent.iterdir() if self._is_table(path)}
        return {
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
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
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _is_table(self, path: Path) -> bool:
        """Whether a file beside the code is read by it: no code itself, no trace of an editor, no program of the doors."""
        code, traces = {".py", ".pyc", ".md"}, (".", "~", "#")
        return path.is_file() and path.suffix not in code and not path.name.startswith(traces) and path.parent.name != "stages"

    def _versions(self, imports: Iterable[str]) -> dict[str, str]:
        names = {canonical(name) for imported in imports for name in self._distributions.get(imported, [])}
        return {name: importlib.metadata.version(name) for name in sorted(names)}


def syntax_hash(path: Path) -> str:
    """SHA-256 of the file's syntax tree, comments, docstrings and layout left out."""
    return read_code(path)[0]


def read_code(path: Path) -> tuple[str, set[str]]:
    """The hash of the file's syntax tree; the packages whose files it reads by importlib.resources.files("NAME"), which is no import."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=path.name)
    packages = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) == "files":
            packages |= {str(name.value).split(".")[0] for name in node.args[:1] if isinstance(name, ast.Constant)}
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), packages


def canonical(name: str) -> str:
    """The normal form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_lock(lock: Path) -> None:
    """Compare the installed distributions with every line of the lock; PipelineError lists all differences."""
    faults = []
    for line in lock.read_text().split():
        name, _, locked = line.partition("==")
        try:
            installed = importlib.metadata.version(name).split("+")[0]  # a CPU build of torch is 2.13.0+cpu
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed != locked:
            faults.append(f"{name} {installed} (locked: {locked})")
    if faults:
        raise PipelineError(f"installed packages differ from {lock.name}: {', '.join(faults)}", mend="make setup")
