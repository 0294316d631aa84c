"""A result that another process has just made of the same settings, code and inputs: taken over instead of made again.

Two experiments of a sweep share most of their stages. Who comes second waits for the first (core/scratch) and finds a note of where its
result lies. Nobody else looks at notes: a stage that is run again by force does its work again.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.artifact.base import Artifact
from pipeline.core.errors import ArtifactError
from pipeline.core.files import draft_folder, read_json, write_json, write_text
from pipeline.core.manifest import check, read
from pipeline.core.owned import remove_file

_KEPT = 50  # notes of a stage


def leave_note(note: Path, target: Artifact, *, metrics: Any, beside: Sequence[Path]) -> None:
    """Say where a finished result lies, for who waits for it; `beside` are the small files that belong to it."""
    if not target.path.exists():
        return
    digest = read(target.path, target.kind, mend="").digest  # what was just written is not read once more
    texts = {str(path): path.read_text(encoding="utf-8") for path in beside if path.is_file()}
    write_json(note, {"target": str(target.path.resolve()), "digest": digest, "metrics": metrics, "beside": texts})
    for old in sorted(note.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        remove_file(old)


def take_over(note: Path, target: Artifact) -> tuple[bool, Any]:
    """Whether the noted result was copied to the target, and its metrics. Not if it is gone, damaged, or another one by now."""
    try:
        content = read_json(note)
        source = Path(content["target"])
        if check(source, target.kind, mend="").digest != content["digest"]:
            return False, None
        if source != target.path.resolve():
            with draft_folder(target.path) as draft:
                shutil.copytree(source, draft, dirs_exist_ok=True)
            check(target.path, target.kind, mend="")
        texts = content["beside"].items()
    except (ArtifactError, OSError, KeyError):
        return False, None
    for path, text in texts:
        write_text(Path(path), text)
    return True, content["metrics"]
