"""Heal DVC's cache: an object whose bytes are not those that its name says is no good to any stage, and DVC trusts it.

DVC hashes an object when it is stored and never again, and takes a stored object for one that it need not store: a stage that
runs again leaves the damaged one where it is. So the damaged are taken out here. What the workspace still has whole goes in again at
once; the rest must come from a remote or from its stage.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import PipelineError
from pipeline.core.owned import remove_file, replace_file

_TREE = ".dir"  # the suffix of a folder's object: a list of its files
_READ_ONLY = 0o444  # as DVC protects its objects


@dataclass(frozen=True)
class Stored:
    """An object that dvc.lock names, and where its content lies in the workspace."""

    stage: str
    name: str  # its MD5, with .dir for the list of a folder
    path: Path  # in the cache
    place: Path  # in the workspace

    def is_whole(self) -> bool:
        """Whether the bytes are those of its name."""
        return md5_of(self.path) == self.name.removesuffix(_TREE)


@dataclass
class Healed:
    """What was looked at and done."""

    checked: int = 0
    restored: list[Stored] = field(default_factory=list)  # the workspace had them whole
    lost: list[Stored] = field(default_factory=list)  # must come from a remote, or from their stage
    changed: list[Path] = field(default_factory=list)  # in the workspace, other than dvc.lock and the cache have it: left alone

    @property
    def stages(self) -> list[str]:
        """The stages that lost something."""
        return list(dict.fromkeys(one.stage for one in self.lost))


def stored(lock: Path, cache: Path) -> Iterator[Stored]:
    """Every object of the cache that dvc.lock names as an out, folders before their files. An object that is absent is none.

    PipelineError where the lock is no YAML.
    """
    try:
        content: dict[str, Any] = yaml.load(lock.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) if lock.exists() else {}
    except (yaml.YAMLError, ValueError) as fault:
        raise PipelineError(f"{lock} can't be read", mend="resolve the merge in it, or git checkout dvc.lock") from fault
    for stage, entry in (content.get("stages") or {}).items():
        for out in entry.get("outs", ()):
            if out.get("hash") != "md5":  # of another version of DVC, or elsewhere
                continue
            one = Stored(stage, out["md5"], _path_of(out["md5"], cache), Path(out["path"]))
            if one.path.is_file():
                yield one
            yield from _files(one, cache)


def heal_cache(objects: Iterable[Stored], aside: Path) -> Healed:
    """Take out every damaged object, and put back those that the workspace has whole.

    The damaged bytes are kept in the folder `aside`. A file of the workspace that is as damaged as its object goes too, so that DVC sees
    that it is missing; one that is otherwise is the user's.
    """
    healed, places = Healed(), dict[str, list[Stored]]()
    for one in objects:
        places.setdefault(one.name, []).append(one)
    for name, mine in places.items():
        healed.checked += 1
        path = mine[0].path
        if mine[0].is_whole():
            for one in filter(_differs, mine):
                os.utime(one.place)  # DVC looks at a file again when its time is another
                healed.changed.append(one.place)
            continue
        aside.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, aside / name)
        content = next((copy for copy in map(_whole_copy, mine) if copy is not None), None)
        damaged = [one for one in mine if one.place.is_file() and (one.place.samefile(path) or md5_of(one.place) == md5_of(path))]
        for one in damaged if content is None else ():
            remove_file(one.place)
        if content is None:
            remove_file(path)
            healed.lost += mine
        else:
            _store(content, path)
            healed.restored.append(mine[0])
            for one in filter(_differs, damaged):
                os.utime(one.place)
                healed.changed.append(one.place)
    return healed


def md5_of(path: Path) -> str:
    """The MD5 of a file's bytes, in hex: the name of its object."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _path_of(name: str, cache: Path) -> Path:
    return cache / "files" / "md5" / name[:2] / name[2:]


def _files(folder: Stored, cache: Path) -> Iterator[Stored]:
    """The files of a folder's object, by its list in the cache, else by the workspace."""
    if not folder.name.endswith(_TREE):
        return
    listed = folder.path.read_bytes() if folder.path.is_file() and folder.is_whole() else listing_of(folder.place)
    for row in json.loads(listed):
        one = Stored(folder.stage, row["md5"], _path_of(row["md5"], cache), folder.place / row["relpath"])
        if one.path.is_file():
            yield one


def listing_of(folder: Path) -> bytes:
    """The list of a folder of the workspace, in the bytes that DVC writes: their MD5 is the folder's name in dvc.lock."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    return json.dumps([{"md5": md5_of(path), "relpath": name} for name, path in files], sort_keys=True).encode()


def _whole_copy(one: Stored) -> bytes | Path | None:
    """What the workspace has of an object, if it is whole: the bytes of a folder's list, or the path of a file."""
    if one.name.endswith(_TREE):
        listed = listing_of(one.place) if one.place.is_dir() else b""
        return listed if hashlib.md5(listed, usedforsecurity=False).hexdigest() == one.name.removesuffix(_TREE) else None
    return one.place if one.place.is_file() and md5_of(one.place) == one.name else None


def _differs(one: Stored) -> bool:
    """Whether the workspace has other bytes than the object."""
    return one.place.is_file() and not one.place.samefile(one.path) and md5_of(one.place) != one.name


def _store(content: bytes | Path, path: Path) -> None:
    """Put an object in the place of a damaged one, read-only as DVC's are."""
    draft = path.with_name(f".{path.name}.part")
    if isinstance(content, bytes):
        draft.write_bytes(content)
    else:
        shutil.copyfile(content, draft)
    draft.chmod(_READ_ONLY)
    replace_file(draft, path)
