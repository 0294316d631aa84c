"""What of the pipeline is still to do, and for how long, by the last run of each stage.

No data is looked at: a stage is done if dvc.lock has it with what it is told, the code that it has now, and what the stages before it
wrote. Who reads from a stage that is to do counts as to do, until that one has ended with the same bytes as before: a number that can only
fall. What lies outside the pipeline is taken as unchanged.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.blocks import Block, edges_of
from pipeline.core.cache import md5_of
from pipeline.core.merge import value_at
from pipeline.core.progress import clock
from pipeline.core.scratch import key_of

NOT_COUNTED = "plan"  # it takes a second, and stands before each run


@dataclass(frozen=True)
class Took:
    """The last run of a stage on this machine."""

    seconds: float
    told: str | None  # the key of what it was told; None in a log of before that was noted


def to_do(
    blocks: Sequence[Block],
    settings: Mapping[str, Any],
    lock: Mapping[str, Any],
    *,
    running: str | None = None,
    changed: Collection[str] = (),
) -> list[Block]:
    """The blocks that are not done, in their order.

    `running` by name is one of them whatever the lock says, and so is who reads one of the `changed` files of plan/code.
    """
    known: Mapping[str, Any] = lock.get("stages") or {}
    wrote = {out["path"]: out.get("md5") for stage in known.values() for out in stage.get("outs", ())}
    readers: dict[str, list[str]] = {}
    for writer, reader in edges_of(list(blocks)):
        readers.setdefault(writer, []).append(reader)
    counted = [block for block in blocks if block.name != NOT_COUNTED]
    reached = {block.name for block in counted if block.name == running or not {*changed}.isdisjoint(block.deps)}
    todo = reached | {block.name for block in counted if not _done(block, settings, known.get(block.name), wrote)}
    new = list(todo)
    while new:
        new = [reader for name in new for reader in readers.get(name, ()) if reader not in todo]
        todo.update(new)
    return [block for block in counted if block.name in todo]


def told_key(block: Block, settings: Mapping[str, Any]) -> str:
    """A key of all that a stage is told: runs with the same key do the same work."""
    return key_of([value_at(settings, param) for param in block.params])


def took(block: Block, log: Path) -> Took | None:
    """What the stage's last run left in the folder `log`; None where it left nothing."""
    try:
        content = json.loads((log / f"{block.folder}.json").read_text(encoding="utf-8"))
        return Took(float(content.get("whole_seconds", content["seconds"])), content.get("told"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def head_line(name: str, blocks: Sequence[Block], settings: Mapping[str, Any], lock: Mapping[str, Any], log: Path) -> str:
    """Which stage of how many this is, and how long the rest takes: `stage 9 of 22, sft: about 0:50; all that is left: about 3:10`."""
    left = to_do(blocks, settings, lock, running=name)
    total = sum(block.name != NOT_COUNTED for block in blocks)
    times = {block.folder: _seconds(block, settings, log) for block in left}
    here = next(block.folder for block in left if block.name == name)
    own = f": about {clock(times[here] or 0)}" if times[here] is not None else ""
    known, unknown = [time for time in times.values() if time is not None], [one for one, time in times.items() if time is None]
    if not known:
        rest = "not timed yet with these settings"
    else:
        rest = f"about {clock(sum(known))} left" + (f", and {_listed(unknown)} not timed yet with these settings" if unknown else "")
    return f"stage {total - len(left) + 1} of {total}, {here}{own}; {rest}"


def _seconds(block: Block, settings: Mapping[str, Any], log: Path) -> float | None:
    last = took(block, log)
    return last.seconds if last is not None and last.told == told_key(block, settings) else None


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} stages"


def _done(block: Block, settings: Mapping[str, Any], entry: Mapping[str, Any] | None, wrote: Mapping[str, str | None]) -> bool:
    """Whether the lock's entry is of these settings, this code and these inputs."""
    if not entry:
        return False
    read = {dep["path"]: dep.get("md5") for dep in entry.get("deps", ())}
    params = entry.get("params", {}).get("params.yaml", {})
    if set(read) != set(block.deps) or set(params) != set(block.params):
        return False
    if any(params[param] != value_at(settings, param) for param in block.params):
        return False
    return all(_same(Path(path), md5, wrote.get(path)) for path, md5 in read.items())


def _same(path: Path, md5: str | None, written: str | None) -> bool:
    """Whether what a stage read is what there is now: by the lock for an out, by its bytes for a fingerprint of code."""
    if written is not None:
        return written == md5
    return path.parts[:2] != ("plan", "code") or (path.is_file() and md5_of(path) == md5)
