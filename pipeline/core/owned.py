"""What the product wrote, it may replace and remove; nothing else. All removals and replacements go through this file (a test looks).

A folder in data/ is ours if its manifest says so. Under .run/, and by names such as .X.part, everything is.
"""

import ctypes
import json
import os
import shutil
from pathlib import Path

from pipeline.core.errors import InputError

MANIFEST = "manifest.json"
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), RENAME_SWAP of renamex_np(2)
_HERE = -100  # AT_FDCWD


def claim(target: Path, kind: str) -> None:
    """InputError unless something of this kind may be written there: the place is absent, empty, or holds a manifest of the kind."""
    if not (target.exists() or target.is_symlink()):
        return
    if target.is_dir() and not target.is_symlink():
        if not any(target.iterdir()):
            return
        found = _kind(target)
        if found == kind:
            if (other := foreign(target)) is not None:
                raise InputError(f"{other} is no file of ours, and would go with {target}", mend=f"mv -n {other} .")
            return
        what = f"a {found}" if found else "files that this pipeline did not write"
    else:
        what = "a file" if target.is_file() else "a link"
    raise InputError(f"{target} holds {what}; a {kind} is not written over it", mend=f"another target, or move {target} away yourself")


def replace_folder(draft: Path, target: Path) -> None:
    """Put the draft in the target's place. A kill at any moment leaves the old one or the new one whole there.

    The old one is what claim() allowed: the caller has asked.
    """
    if not target.exists():
        draft.replace(target)
        return
    if not _exchanged(draft, target):  # a file system that can't: for a moment the place is empty, and the old one lies beside it
        aside = target.with_name(f".{target.name}.old")
        remove_folder(aside)
        target.replace(aside)
        draft.replace(target)
        draft = aside
    remove_folder(draft)


def replace_file(draft: Path, target: Path) -> None:
    """Put a file in another's place at once."""
    draft.replace(target)


def move_folder(draft: Path, target: Path) -> None:
    """Put the draft where nothing is. OSError if another process was first."""
    draft.rename(target)


def remove_folder(folder: Path) -> None:
    """Remove a folder of ours, or what is left of one; nothing where there is none."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Remove a file of ours; nothing where there is none."""
    path.unlink(missing_ok=True)


def foreign(folder: Path) -> Path | None:
    """A file in a folder of ours that its manifest does not name; None where all are ours, or nothing says what is."""
    if _kind(folder) is None:
        return None
    listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    names = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)
    return next((path for path in names if path.relative_to(folder).as_posix() not in listed), None)


def _kind(folder: Path) -> str | None:
    """The kind that the folder's manifest states."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(content["kind"]) if isinstance(content, dict) and {"kind", "files"} <= content.keys() else None


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two names were exchanged in one step, which Linux and macOS can on most file systems."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0)
    if hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, _EXCHANGE) == 0)
    return False
