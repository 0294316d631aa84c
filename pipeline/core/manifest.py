"""What makes a folder whole: a manifest, written last, with the size and SHA-256 of every file, and its own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import ArtifactError
from pipeline.core.files import sha256_of, write_json
from pipeline.core.owned import MANIFEST

NAME = MANIFEST
FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Kind and format of a folder, facts about its content, and its files."""

    kind: str
    facts: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """The identity of the content: equal for equal content, wherever the folder lies."""
        canonical = json.dumps([self.kind, dict(self.facts), dict(self.files)], sort_keys=True, default=dict)
        return hashlib.sha256(canonical.encode()).hexdigest()


def seal(folder: Path, kind: str, facts: Mapping[str, Any]) -> None:
    """Write the manifest of a folder that is otherwise complete."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME
    }
    written = {"format": FORMAT, "kind": kind, "facts": dict(facts), "files": files}
    write_json(folder / NAME, written | {"sha256": _digest(written)})


def check(folder: Path, kind: str, *, mend: str) -> Manifest:
    """Read the manifest and compare every file with it; ArtifactError at the first difference."""
    content = read(folder, kind, mend=mend)
    for name, entry in content.files.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing", mend=mend)
        if path.stat().st_size != entry["bytes"] or sha256_of(path) != entry["sha256"]:
            raise _damaged(path, mend)
    return content


def read(folder: Path, kind: str, *, mend: str) -> Manifest:
    """The manifest alone, its files not looked at. ArtifactError where there is none, a damaged one, or one of another kind."""
    if not (folder / NAME).is_file():
        state = "is not there" if not folder.exists() else f"is not whole: it has no {NAME}"
        raise ArtifactError(f"{folder} ({kind}) {state}", mend=mend)
    content = _intact(folder / NAME, mend)
    if content.get("format") != FORMAT:
        found = f"{content.get('kind')}, format {content.get('format')}"
        raise ArtifactError(f"{folder} holds {found}; expected {kind}, format {FORMAT}", mend=mend)
    if content.get("kind") != kind:
        raise ArtifactError(f"{folder} is a {content.get('kind')}; a {kind} is asked for", mend=f"name the folder of a {kind} instead")
    return Manifest(kind=kind, facts=content["facts"], files=content["files"])


def _intact(path: Path, mend: str) -> dict[str, Any]:
    """The content of a manifest, compared with its own digest. One of another format is not looked into."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict) or (content.get("format") == FORMAT and content.pop("sha256", None) != _digest(content)):
        raise _damaged(path, mend)
    return content


def _damaged(path: Path, mend: str) -> ArtifactError:
    return ArtifactError(f"{path} is damaged: its bytes are not the ones that were written", mend=f"make heal, then {mend}")


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of what a reader finds: JSON knows no tuples and no numbers as keys."""
    found = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
