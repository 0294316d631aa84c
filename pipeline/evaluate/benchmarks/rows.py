"""The rows of a benchmark's files, or of a pinned data set of the hub, as problems."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import InputError
from pipeline.text.dialogues.rows import SUFFIXES, HubData, hub_rows, rows_of
from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.rows import GZIP_FAULTS, MAX_FILE, BadRow, format_suffix, open_decompressed
from pipeline.text.reading.sources import HUB

P = TypeVar("P")
Rows = Iterator[tuple[str, Mapping[str, Any]]]  # each with its place
PINNED = re.compile(r"(?P<path>hub:[^@]+)@(?P<revision>[0-9a-f]{40}):(?P<subset>[^:]*):(?P<split>[^:]+)")
HOW = "hub:OWNER/NAME@REVISION:SUBSET:SPLIT, the revision as 40 hex digits, the subset perhaps empty"
PUBLISHED = "the file as it was published"


def problems(
    folder: Path, files: str, read: Callable[[Mapping[str, Any]], P | None], columns: Sequence[str], *, key: str
) -> list[tuple[str, P]]:
    """Each problem with an id of its own, in the order of the files; rows that ask nothing are left out.

    `files` is a pattern below the folder, or a data set of the hub. `columns` are those of a CSV without a head. A file NAME-labels.lst
    beside NAME.jsonl holds the labels of its rows, a line each. InputError, which begins with the setting `key`, where no file is, one
    can't be read, or a row has another shape.
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
    try:
        found = matching(folder, files)
    except (ValueError, NotImplementedError) as fault:
        return InputError(f"{key}={files!r} is no pattern of files below {folder}: {fault}", mend=f"{key}=FOLDER/*.jsonl, or {HOW}")
    if found:
        return None
    return InputError(f"{key}: there is no {folder / files}", mend="the benchmark's files there, or split.benchmarks=DIR with them below")


def matching(folder: Path, files: str) -> list[Path]:
    """The files of a pattern below the folder. ValueError for one that leads out of it."""
    if ".." in Path(files).parts:
        raise ValueError("it leads out of it")
    return sorted(path for path in folder.glob(files) if path.is_file() and format_suffix(path) in SUFFIXES)


def _hub(files: str, key: str) -> Rows:
    if (fault := missing(Path(), files, key=key)) is not None:
        raise fault
    pinned: Any = PINNED.fullmatch(files)
    data = HubData(path=pinned["path"], revision=pinned["revision"], split=pinned["split"], subset=pinned["subset"] or None)
    for row in hub_rows(data, key=key):
        if isinstance(row, BadRow):
            raise InputError(f"{key}: {row.file}, row {row.line}: {row.reason}", mend="another revision")
        yield f"{row.file}:{row.line}", row.value


def _local(folder: Path, files: str, columns: Sequence[str], key: str) -> Rows:
    if (fault := missing(folder, files, key=key)) is not None:
        raise fault
    for path in matching(folder, files):
        name = path.relative_to(folder).as_posix()
        rows = _without_head(path, name, columns, key) if columns and format_suffix(path) == ".csv" else _rows(path, name, key)
        yield from _labelled(rows, path.with_name(f"{_bare(path)}-labels.lst"), key)


def _rows(path: Path, name: str, key: str) -> Rows:
    """The rows of a file; of a .json with one object, those in the list of objects that it holds, if it holds one."""
    rows = []
    for row in rows_of(path, name):
        if isinstance(row, BadRow):
            raise InputError(f"{key}: {name}, line {row.line}: {row.reason}", mend=PUBLISHED)
        rows.append((f"{name}:{row.line}", row.value))
    if format_suffix(path) == ".json" and len(rows) == 1:
        lists = [value for value in rows[0][1].values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if len(lists) == 1:
            rows = [(f"{name}:{number}", row) for number, row in enumerate(lists[0], 1)]
    if odd := next((place for place, row in rows if not isinstance(row, dict)), None):
        raise InputError(f"{key}: {odd} is no object", mend=PUBLISHED)
    yield from rows


def _without_head(path: Path, name: str, columns: Sequence[str], key: str) -> Rows:
    """The rows of a CSV whose columns are known; the name of the file, without its suffix, is one more."""
    try:
        with open_decompressed(path) as file:
            text, _ = decode(file.read(MAX_FILE))
        csv.field_size_limit(MAX_FILE)
        rows = list(csv.reader(re.split(r"(?<=\n)|(?<=\r)(?!\n)", text), strict=True))
    except (*GZIP_FAULTS, OSError, UndecodableError, csv.Error) as fault:
        raise InputError(f"{key}: {name} can't be read: {fault}", mend=PUBLISHED) from fault
    for number, row in enumerate(rows, 1):
        if not any(map(str.strip, row)):
            continue
        if len(row) != len(columns):
            raise InputError(f"{key}: {name}:{number} has {len(row)} columns, not {', '.join(columns)}", mend=PUBLISHED)
        yield f"{name}:{number}", {**dict(zip(columns, row, strict=True)), "file": _bare(path)}


def _labelled(rows: Rows, labels: Path, key: str) -> Rows:
    """The rows with their labels, where these lie in a file of their own."""
    if not labels.is_file():
        yield from rows
        return
    placed, lines = list(rows), labels.read_text("utf-8", errors="replace").split()
    if len(placed) != len(lines):
        raise InputError(f"{key}: {labels} has {len(lines)} labels for {len(placed)} rows", mend="both files as they were published")
    yield from ((place, {**row, "label": label}) for (place, row), label in zip(placed, lines, strict=True))


def _bare(path: Path) -> str:
    """The name of a file without the suffixes of its format and compression."""
    return path.name[: path.name.lower().rindex(format_suffix(path))]
