"""Files that are whole or absent."""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from pipeline.core.errors import ArtifactError, InputError
from pipeline.core.owned import move_folder, remove_folder, replace_file, replace_folder

_BLOCK = 1 << 20  # bytes


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(path: Path) -> list[tuple[str, int, int]]:
    """(name, bytes, time of the last change) of each file of a folder, or of the file itself: another one where anything was touched."""
    files = files_below(path)[0] if path.is_dir() else [path] if path.exists() else []
    return [(file.relative_to(path).as_posix(), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]


def files_below(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files of a folder and of all below it, sorted; and what is passed over, with why.

    A link to a folder is an InputError unless it is hidden: DVC enters none, so a change there would rerun nothing.
    """
    files: list[Path] = []
    passed: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(
        folder, onerror=lambda fault: passed.append((Path(fault.filename), "folder that may not be read"))
    ):
        for path in (Path(place, name) for name in folders):
            if path.is_symlink() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                raise InputError(
                    f"{path} is a link to a folder, and DVC looks into none: a change there would rerun nothing",
                    mend=f"copy what it leads to (cp -rL), mount it there, or name the folder itself: {path.resolve()}",
                )
        for path in (Path(place, name) for name in names):
            if not path.exists():
                passed.append((path, "broken link"))
            elif path.is_file():
                files.append(path)
    return sorted(files), sorted(passed)


def write_text(path: Path, text: str) -> None:
    """Replace the file at once: a reader sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part{os.getpid()}")
    draft.write_text(text, encoding="utf-8", newline="\n")
    sync(draft)
    replace_file(draft, path)


def write_json(path: Path, value: Any) -> None:
    """Canonical JSON: sorted keys, two spaces, a newline at the end. NaN is refused (ValueError)."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; a missing or damaged one is an ArtifactError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise ArtifactError(f"{path} can't be read: {fault}", mend=".venv/bin/dvc repro") from fault


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """One JSON object a line; returns how many."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file that write_jsonl wrote."""
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def sync(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place(source: Path, target: Path) -> None:
    """Put a file there too: as a second name where the file system allows, else as a copy. Neither may be written to afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        sync(target)


def once(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder as `write` fills it; if it is there, it is whole and stays as it is.

    Processes that fill it at the same time (a worker that outlived its killed run, and the one that follows) write the same: the first
    wins.
    """

    def settle(draft: Path) -> None:
        try:
            move_folder(draft, folder)
        except OSError:
            if not folder.exists():
                raise

    if not folder.exists():
        with _drafted(folder.with_name(f".{folder.name}.part-{platform.node()}-{os.getpid()}"), settle) as draft:
            write(draft)
    return folder


@contextmanager
def draft_folder(target: Path) -> Iterator[Path]:
    """A folder to write into that takes the target's place at the end, or vanishes if the body fails. One process at a time may.

    What lies in data/ is claimed first (core/owned): a folder that is not ours is never replaced.
    """

    def settle(draft: Path) -> None:
        replace_folder(draft, target)

    with _drafted(target.with_name(f".{target.name}.part"), settle) as draft:
        yield draft


@contextmanager
def _drafted(draft: Path, settle: Callable[[Path], None]) -> Iterator[Path]:
    """An empty folder that is settled when all that was written into it is on the disk."""
    remove_folder(draft)
    draft.mkdir(parents=True)
    try:
        yield draft
        for path in sorted(draft.rglob("*")):
            sync(path)
        settle(draft)
        sync(draft.parent)
    finally:
        remove_folder(draft)
