"""Runs of W&B as runs to compare: the files that an offline run left, and runs of a project that is online.

What is read is the run of the whole pipeline (pipeline/report/published.py), which has what all stages were told and what they measured.
The offline file is a log of records in blocks (the format of LevelDB's log) that W&B's own types can parse; its reader is part of
a program.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.report.compared import ComparedRun
from pipeline.report.published import FINGERPRINTS, JOB, unpublished

ONLINE = "wandb:"  # before ENTITY/PROJECT/RUN
_SUFFIX = ".wandb"
_MAGIC = b":W&B"
_HEADER, _BLOCK = 7, 1 << 15  # bytes: of the file and of each piece; of a block
_PIECE = struct.Struct("<IHB")  # checksum, length, kind
_WHOLE, _LAST = 1, 4  # kinds of pieces with which a record ends


def is_run(name: str) -> bool:
    """Whether the name is of a run of W&B, or of a folder with files of such runs."""
    return name.startswith(ONLINE) or bool(_files(Path(name)))


def runs(name: str) -> Iterator[ComparedRun]:
    """The runs of whole pipelines that a name stands for. InputError where there is none."""
    if name.startswith(ONLINE):
        yield online(name)
        return
    found = [one for path in _files(Path(name)) if (one := offline(path))]
    if not found:
        raise InputError(f"{name} has no run of a whole pipeline (job type {JOB})", mend="make publish sends one")
    yield from found


def offline(path: Path) -> ComparedRun | None:
    """The run of an offline file; None where it is of one stage. InputError where the file is none of W&B's."""
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    name = path.stem
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            if record.run.job_type != JOB:
                return None
            name = record.run.display_name or name
            _update(config, record.run.config.update)
        elif kind == "config":
            _update(config, record.config.update)
        elif kind == "summary":
            _update(summary, record.summary.update)
        elif kind == "history":
            history.append(_update({}, record.history.item))
    saved = path.parent / "files" / FINGERPRINTS
    code = json.loads(saved.read_text(encoding="utf-8")) if saved.is_file() else {}
    return unpublished(name, f"W&B, {path.parent.name}", config=config, summary=summary, history=history, code=code)


def online(name: str) -> ComparedRun:
    """The run of a project. InputError where W&B does not give it."""
    import wandb  # 0.3 s

    try:
        run = wandb.Api().run(name.removeprefix(ONLINE))
        return of_api(run)
    except (wandb.errors.CommError, wandb.errors.UsageError, ValueError) as fault:
        raise InputError(f"{name} can't be read: {fault}", mend=f"{ONLINE}ENTITY/PROJECT/RUN, after wandb login") from fault


def of_api(run: Any) -> ComparedRun:
    """What W&B's API tells of a run."""
    code: dict[str, Any] = {}
    if any(file.name == FINGERPRINTS for file in run.files(names=[FINGERPRINTS])):
        with run.file(FINGERPRINTS).download(replace=True, root=".run/wandb/api") as file:
            code = json.load(file)
    summary = dict(run.summary)
    return unpublished(run.name, f"W&B, {run.id}", config=dict(run.config), summary=summary, history=run.scan_history(), code=code)


def records(path: Path) -> Iterator[Any]:
    """The records of an offline file, in their order; one that a kill cut short is left out."""
    from wandb.proto.wandb_internal_pb2 import Record  # 0.3 s

    content = path.read_bytes()
    if not content.startswith(_MAGIC):
        raise InputError(f"{path} is no file of a W&B run", mend="a folder offline-run-…, or the file run-….wandb in it")
    place, parts = _HEADER, list[bytes]()
    while place + _HEADER <= len(content):
        if (left := _BLOCK - place % _BLOCK) < _HEADER:  # the rest of a block is too short for a piece
            place += left
            continue
        _, length, kind = _PIECE.unpack_from(content, place)
        place += _HEADER
        parts.append(content[place : place + length])
        if len(parts[-1]) < length:
            return
        place += length
        if kind in (_WHOLE, _LAST):
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def _files(path: Path) -> list[Path]:
    """The file itself, that of a run's folder, or those of all runs of a folder, oldest first."""
    if path.suffix == _SUFFIX and path.is_file():
        return [path]
    found = sorted(path.glob(f"*{_SUFFIX}")) or sorted(path.glob(f"*run-*/*{_SUFFIX}")) if path.is_dir() else []
    return found or (sorted(path.glob(f"wandb/*run-*/*{_SUFFIX}")) if path.is_dir() else [])


def _update(target: dict[str, Any], items: Any) -> dict[str, Any]:
    """Values by key; a nested key is one of a mapping."""
    for item in items:
        keys = list(item.nested_key) or [item.key]
        inner = target
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                break
        else:
            inner[keys[-1]] = json.loads(item.value_json)
    return target
