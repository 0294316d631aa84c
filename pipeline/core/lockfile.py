"""Heal a dvc.lock that was cut short.

DVC writes dvc.lock in place. A Ctrl-C or a kill at that moment leaves its beginning only, and every later dvc command stops there.
The entries before the cut are good, and an older lock has the others: the healed lock is put together from both, in DVC's own bytes.
A cut exactly between two entries leaves a good lock that is shorter. So does a checkout of another commit; DVC's run cache fills in either.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.files import write_text

_HEAD = "schema: '2.0'\nstages:\n"
_EMPTY = "schema: '2.0'\nstages: {}\n"
_MERGE = re.compile(r"^<{7}", re.MULTILINE)  # a conflict that git left
_STAGES = re.compile(r"^stages:\n", re.MULTILINE)
_ROOT = re.compile(r"^\S", re.MULTILINE)
_ENTRY = re.compile(r"^(?=  [^ :])", re.MULTILINE)  # a colon there belongs to the long name before it


def whole(text: str) -> bool:
    """Whether nothing is missing at the end of a dvc.lock, as far as its text tells.

    Strict with the last entry only, where a cut would be. Each stage of ours writes something, so an entry without outs has lost them.
    """
    content = _parsed(text)
    if not isinstance(content, dict) or content.get("schema") != "2.0" or not text.endswith("\n"):
        return False
    stages = content.get("stages")
    if not isinstance(stages, dict) or not all(map(_well_formed, stages.values())):
        return False
    return not stages or _ended(list(stages.values())[-1])


def keep(lock: Path, copy: Path) -> None:
    """Keep the lock for a later heal, if it is whole."""
    text, kept = _read(lock), _read(copy)
    if text != kept and whole(text) and not _shortened(text, (kept,)):
        write_text(copy, text)


def heal(lock: Path, copy: Path, committed: str | None) -> str | None:
    """Make a torn lock whole again, and say what was done; None where there was nothing to do.

    An entry that stands whole in the torn text is the newest; then comes that of the copy, then that of the committed text.
    """
    if not lock.exists():
        return None
    text, kept, committed = _read(lock), _read(copy), committed or ""
    older = (kept, committed)
    if not _torn(text, () if text == committed else older):
        return None
    sources = {"the file": _standing(text, older), "the last whole copy": _standing(kept), "git": _standing(committed)}
    # in the order in which DVC has them: it rewrites an entry in its place and adds a new one at the end
    names = dict.fromkeys(name for source in ("the last whole copy", "the file", "git") for name in sources[source])
    origin = {name: next(source for source in sources if name in sources[source]) for name in names}
    write_text(lock, _HEAD + "".join(sources[origin[name]][name] for name in names) if names else _EMPTY)
    if not names:
        return f"{lock.name} was cut short and no entry of it is left; dvc's run cache brings finished stages back"
    counts = Counter(origin.values())
    told = ", ".join(f"{counts[source]} from {source}" for source in sources if counts[source])
    rest = "" if kept or committed else "; dvc's run cache brings back the others that were finished"
    return f"{lock.name} was cut short; restored {len(names)} stage{'s' * (len(names) > 1)} ({told}){rest}"


def prune(lock: Path, wanted: Callable[[str], bool]) -> list[str]:
    """Take out the entries of stages that are not wanted, and name them; the others keep their bytes. A torn lock is left as it is."""
    text = _read(lock)
    if not whole(text):
        return []
    before, blocks, after = _parts(text)
    kept, gone = [], []
    for block in blocks:
        name, _ = _entry(block)
        if name is None or wanted(name):
            kept.append(block)
        else:
            gone.append(name)
    if gone:
        write_text(lock, (before if kept else _STAGES.sub("stages: {}\n", before)) + "".join(kept) + after)
    return gone


def _torn(text: str, older: Iterable[str]) -> bool:
    """Whether a cut has hurt the lock. A merge that git left open, or the lock of another version of DVC, is for DVC to complain about."""
    if whole(text):
        return _shortened(text, older)
    content = _parsed(text)
    foreign = isinstance(content, dict) and content.get("schema") not in (None, "", "2.0")
    return not foreign and not _MERGE.search(text)


def _shortened(text: str, older: Iterable[str]) -> bool:
    """Whether a lock that looks whole ends in the middle of an entry that an older one has to its end."""
    _, blocks, after = _parts(text)
    return bool(blocks) and not after and any(_goes_on(blocks[-1], other) for other in older)


def _standing(text: str, older: Iterable[str] = ()) -> dict[str, str]:
    """The lines of each entry that is whole, by the stage's name. Only the last one can be cut."""
    found = {}
    _, blocks, _ = _parts(text)
    for block in blocks[:-1]:
        name, entry = _entry(block)
        if name is not None and _well_formed(entry):
            found[name] = block
    for block in blocks[-1:]:
        lines, _, rest = block.rpartition("\n")
        name, entry = _entry(lines)
        if name is None or not _well_formed(entry) or not _ended(entry):
            continue
        if rest in ("", " ", "  ") and not any(_goes_on(f"{lines}\n", other) for other in older):  # more than that, and the entry went on
            found[name] = f"{lines}\n"
    return found


def _goes_on(block: str, other: str) -> bool:
    """Whether the other lock has this very entry, and more lines of it."""
    return f"\n{block}   " in other


def _parts(text: str) -> tuple[str, list[str], str]:
    """What stands before the entries of the stages, the lines of each, and what follows them."""
    if not (head := _STAGES.search(text)):
        return text, [], ""
    tail = _ROOT.search(text, head.end())
    end = tail.start() if tail else len(text)
    first, *blocks = _ENTRY.split(text[head.end() : end])
    return text[: head.end()] + first, blocks, text[end:]


def _entry(block: str) -> tuple[str | None, Any]:
    """(name of the stage, content) of the lines of an entry; (None, None) where they are none."""
    content = _parsed(block)
    return next(iter(content.items())) if isinstance(content, dict) and len(content) == 1 else (None, None)


def _well_formed(entry: Any) -> bool:
    """Whether DVC would take the entry."""
    if not isinstance(entry, dict) or not entry.get("cmd"):
        return False
    records, params = [entry.get("deps", []), entry.get("outs", [])], entry.get("params", {})
    return (
        all(isinstance(each, list) and all(isinstance(record, dict) and record.get("path") for record in each) for each in records)
        and isinstance(params, dict)
        and all(isinstance(values, dict) for values in params.values())
    )


def _ended(entry: dict[str, Any]) -> bool:
    """Whether an entry that DVC would take has come to its outs, the last of what it holds, and each record says all."""
    return "outs" in entry and all(map(_complete, entry.get("deps", []) + entry["outs"]))


def _complete(record: dict[str, str]) -> bool:
    """Whether a record names the content of its path; that of an address elsewhere may have no md5."""
    md5 = record.get("md5")
    if md5 is None:
        return not record.keys().isdisjoint(("etag", "checksum", "files"))
    return "size" in record and ("nfiles" in record or not md5.endswith(".dir"))


def _parsed(text: str) -> Any:
    """The YAML with all values as strings, so that none is refused; None where it is no YAML."""
    try:
        return yaml.load(text, Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, ValueError):  # ValueError: bytes that are no UTF-8
        return None


def _read(path: Path) -> str:
    """The text of the file, with its line ends; bytes that are no UTF-8 are escaped. Empty where there is none."""
    return path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""
