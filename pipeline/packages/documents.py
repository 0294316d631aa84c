"""The documentation of the packages as documents, one a file, and what they say of each function.

Packages take turns: the next file is of the package that has given least so far, so that a cap leaves as many packages as there are,
and only what it takes is parsed.
"""

import gc
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.artifact.tables import conform
from pipeline.core.errors import PipelineError
from pipeline.core.progress import progress
from pipeline.packages.docstrings import Docstring, UnparsedError, docstrings
from pipeline.packages.families import families
from pipeline.packages.installed import DocumentedFile, Package, installed
from pipeline.packages.settings import PackagesConfig

SOURCE = "packages"
FUNCTIONS = pa.schema(
    [
        pa.field("package", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # of its documents
        pa.field("document", pa.string(), nullable=False),  # id
        pa.field("name", pa.string(), nullable=False),  # with its module: numpy.linalg.norm
        pa.field("signature", pa.string(), nullable=False),  # without module, class, self and cls
        pa.field("parameters", pa.list_(pa.string()), nullable=False),  # without self and cls
        pa.field("docstring", pa.string(), nullable=False),
    ]
)
_LEFT_OUT = ("skipped", "undecoded", "unparsed")  # files, by the reason
_HEADINGS = 3  # levels of headings: module, class, method
_RECEIVER = re.compile(r"\((?:self|cls)(?:, |(?=\)))")


@dataclass(frozen=True)
class Documentation:
    """The tables of the artifact; of each package its version, group, documents and bytes; what the metrics tell."""

    documents: pa.Table
    functions: pa.Table
    packages: dict[str, dict[str, Any]]
    counts: dict[str, Any]

    @property
    def sides(self) -> dict[str, pa.Table]:
        """The tables beside the documents."""
        return {"functions": self.functions}

    @property
    def texts(self) -> dict[str, str]:
        """The files beside the tables."""
        return {"packages.json": json.dumps(self.packages, indent=1) + "\n"}


@dataclass(frozen=True)
class DocumentText:
    """A file's text, and the docstrings that it was made of."""

    file: DocumentedFile
    text: str
    found: Sequence[Docstring]

    @property
    def id(self) -> str:
        """16 hex digits, a hash of package and path."""
        return hashlib.blake2b(f"{SOURCE}\x1f{self.origin}".encode(), digest_size=8).hexdigest()

    @property
    def origin(self) -> str:
        """numpy:numpy/linalg/__init__.py"""
        return f"{self.file.package.name}:{self.file.path}"

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.encode())


def read_packages(lock: Path, settings: PackagesConfig) -> Documentation:
    """Whole files of all packages of the lock until `settings.bytes` are reached. PipelineError where that leaves none."""
    packages, counts = installed(lock), Counter[str]()
    with _without_garbage():
        texts = list(progress(_in_turns(packages, settings, counts), SOURCE))
    if not texts:
        raise PipelineError(f"corpus.packages.bytes={settings.bytes} has no room for a document", mend="corpus.packages.bytes=1000000")
    group = {package.name: package.name for package in packages}
    group |= families([(one.file.package.name, one.text) for one in texts if not one.file.is_licence])
    documents = [_document(one, group) for one in texts]
    functions = [row for one in texts for row in _functions(one, group)]
    sizes: dict[str, list[int]] = {package.name: [] for package in packages}
    for one in texts:
        sizes[one.file.package.name].append(one.size)
    told = {
        package.name: {"version": package.version, "group": group[package.name], "documents": len(own), "bytes": sum(own)}
        for package, own in zip(packages, sizes.values(), strict=True)
    }
    sums = {"packages": sum(map(bool, sizes.values())), "functions": len(functions), **{name: counts[name] for name in _LEFT_OUT}}
    tables = pa.Table.from_pylist(documents), pa.Table.from_pylist(functions, schema=FUNCTIONS)
    return Documentation(conform(tables[0], DOCUMENTS), tables[1], told, sums)


def document_text(module: str, found: Sequence[Docstring]) -> str:
    """The docstrings of a module below headings."""
    parts = [f"# {module}"]
    for one in found:
        if one.name:
            level = "#" * min(one.name.count(".") + 2, _HEADINGS)
            parts.append(f"{level} {one.signature}")
        parts.append(one.text)
    return "\n\n".join(parts) + "\n"


def module_of(path: str) -> str:
    """numpy/linalg/__init__.py is numpy.linalg."""
    return ".".join(part for part in PurePosixPath(path).with_suffix("").parts if part != "__init__")


def _in_turns(packages: Sequence[Package], settings: PackagesConfig, counts: Counter[str]) -> Iterator[DocumentText]:
    """File after file, until the next one is more than is wanted."""
    waiting = {package.name: iter(package.files) for package in packages}
    turns = [(0, name) for name in waiting]
    heapify(turns)
    total = 0
    while turns:
        given, name = turns[0]
        file = next(waiting[name], None)
        if file is None:
            heappop(turns)
        elif (one := _text_of(file, settings, counts)) is not None:
            total += one.size
            if settings.bytes is not None and total > settings.bytes:
                return
            yield one
            heapreplace(turns, (given + one.size, name))


def _text_of(file: DocumentedFile, settings: PackagesConfig, counts: Counter[str]) -> DocumentText | None:
    """The text of a file; None where there is none to be had, counted by the reason."""
    if set(file.path.split("/")[:-1]) & set(settings.skip):
        counts["skipped"] += 1
        return None
    found: list[Docstring] = []
    try:
        if file.is_module:
            found = [one for one in docstrings(file.read()) if len(one.text) >= settings.docstring]
            text = document_text(module_of(file.path), found) if found else ""
        else:
            text = file.read().decode("utf-8-sig").replace("\r\n", "\n").strip()
    except UnparsedError:
        counts["unparsed"] += 1
        return None
    except UnicodeDecodeError:
        counts["undecoded"] += 1
        return None
    return DocumentText(file, text, found) if text else None


def _document(one: DocumentText, group: dict[str, str]) -> dict[str, Any]:
    """The columns of a document. Packages share their licences, which therefore are in no group."""
    mine = None if one.file.is_licence else group[one.file.package.name]
    return {"id": one.id, "source": SOURCE, "origin": one.origin, "group": mine, "text": one.text}


def _functions(one: DocumentText, group: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The functions and methods that are not private."""
    for said in one.found:
        if said.is_function and not any(part.startswith("_") for part in said.name.split(".")):
            own = said.signature[len(said.name.rpartition(".")[0]) :].removeprefix(".")
            yield {
                "package": one.file.package.name,
                "group": group[one.file.package.name],
                "document": one.id,
                "name": f"{module_of(one.file.path)}.{said.name}",
                "signature": _RECEIVER.sub("(", own, count=1),
                "parameters": said.parameters,
                "docstring": said.text,
            }


@contextmanager
def _without_garbage() -> Iterator[None]:
    """No search for cycles: trees of syntax have none, and it takes a third of the time of parsing them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
