"""The rows of a benchmark's files, or of a pinned data set of the hub, as problems."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import InputError
from pipeline.core.files import read_json
from pipeline.text.dialogues.rows import SUFFIXES, HubData, hub_rows, rows_of
from pipeline.text.reading.rows import BadRow, format_suffix
from pipeline.text.reading.sources import HUB

P = TypeVar("P")
PINNED = re.compile(r"(?P<path>hub:[^@]+)@(?P<revision>[0-9a-f]{40}):(?P<subset>[^:]*):(?P<split>[^:]+)")
HOW = "hub:OWNER/NAME@REVISION:SUBSET:SPLIT, the revision as 40 hex digits, the subset perhaps empty"


def problems(
    folder: Path, files: str, read: Callable[[Mapping[str, Any]], P | None], columns: Sequence[str], *, key: str
) -> list[tuple[str, P]]:
    """Each problem with an id of its own, in the order of the files; rows that ask nothing are left out.

    `files` is a pattern below the folder, or a data set of the hub. `columns` are those of a CSV without a head. InputError, which
    begins with the setting `key`, where no file is, one can't be read, or a row has another shape.
    """
    found = []
    for place, row in _hub(files, key) if files.startswith(HUB) else _local(folder, files, columns, key):
        try:
            problem = read(row)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError) as fault:
            message = (
                f"{key}: {place} has not the shape of this benchmark: {type(fault).__name__}: {fault}; it has {', '.join(map(str, row))}"
            )
            raise InputError(message, mend="the files as they were published, or another format of the task") from fault
        if problem is not None:
            found.append((place, problem))
    return found


def missing(folder: Path, files: str, *, key: str) -> InputError | None:
    """What is wrong with the place of the files, known before any of them is read."""
    if files.startswith(HUB):
        return None if PINNED.fullmatch(files) else InputError(f"{key}={files} is not pinned", mend=f"{key}={HOW}")
    if any(format_suffix(path) in SUFFIXES for path in folder.glob(files)):
        return None
    return InputError(
        f"{key}: there is no {folder / files}", mend="the benchmark's files there, or evaluate.benchmarks=DIR with them below"
    )


def _hub(files: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if (fault := missing(Path(), files, key=key)) is not None:
        raise fault
    pinned: Any = PINNED.fullmatch(files)
    data = HubData(path=pinned["path"], revision=pinned["revision"], split=pinned["split"], subset=pinned["subset"] or None)
    for row in hub_rows(data):
        if isinstance(row, BadRow):
            raise InputError(f"{key}: {row.file}, row {row.line}: {row.reason}", mend="another revision")
        yield f"{row.file}:{row.line}", row.value


def _local(folder: Path, files: str, columns: Sequence[str], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if (fault := missing(folder, files, key=key)) is not None:
        raise fault
    for path in sorted(path for path in folder.glob(files) if format_suffix(path) in SUFFIXES):
        name = path.relative_to(folder).as_posix()
        yield from _without_head(path, name, columns) if columns and path.suffix == ".csv" else _rows(path, name, key)


def _without_head(path: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a CSV whose columns are known; the name of the file, without its suffix, is one more."""
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            yield f"{name}:{number}", {**dict(zip(columns, row, strict=False)), "file": path.stem}


def _rows(path: Path, name: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix == ".json" and isinstance(whole := read_json(path), dict):
        lists = [value for value in whole.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise InputError(f"{key}: {name} holds an object with {len(lists)} lists, not one of rows", mend="a file of rows")
        yield from ((f"{name}:{number}", row) for number, row in enumerate(lists[0], 1))
        return
    for row in rows_of(path, name):
        if isinstance(row, BadRow):
            raise InputError(f"{key}: {name}, line {row.line}: {row.reason}", mend="the file as it was published")
        yield f"{name}:{row.line}", row.value
