"""The machine: room on the disk, packages, what computes, and the tracker. Imports no torch but where a device is asked about."""

import importlib.util
import netrc
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.core.arithmetic import in_avx2
from pipeline.core.blocks import Block
from pipeline.core.errors import PipelineError
from pipeline.core.locked import check_lock, locked
from pipeline.core.memory import free_memory
from pipeline.core.mends import together
from pipeline.core.owned import foreign
from pipeline.doctor.finding import Finding, size
from pipeline.train.processes import threads_of

COPIES = 2  # of what a stage writes: in data/ and in DVC's cache
WANDB = "https://api.wandb.ai"
PATIENCE_S = 2.0  # for a tracker to answer


def disk(folder: Path, blocks: Sequence[Block], lock: Mapping[str, Any], *, weights: int, checkpoint: int) -> Finding:
    """Room for what these blocks are to write: as large as dvc.lock has it, a model at least as large as `weights`; bytes all.

    `checkpoint`: what a training holds on the disk until it ends, twice while it writes the next.
    """
    entries, need = lock.get("stages") or {}, 2 * checkpoint if any(map(_trains, blocks)) else 0
    for block in blocks:
        known = sum(out.get("size", 0) for out in entries.get(block.name, {}).get("outs", ()))
        need += COPIES * max(known, weights if _trains(block) else 0)
    free = shutil.disk_usage(folder).free
    told = f"{size(free)} free; what is to do writes about {size(need)}"
    return Finding("disk", told, None if free >= need else "make gc (shows what can go), or a larger disk")


def repository(folder: Path) -> list[Finding]:
    """Whether DVC knows the folder."""
    if (folder / ".dvc" / "config").is_file():
        return []
    return [Finding("dvc", "there is no .dvc/config, so DVC runs nothing here", "git checkout .dvc")]


def foreign_files(blocks: Sequence[Block], folder: Path) -> list[Finding]:
    """Files of others among what stages write: DVC empties these folders before it runs a stage, and asks nobody."""
    found = (foreign(folder / out) for block in blocks for out in block.outs)
    files = [path.relative_to(folder) for path in found if path is not None]
    return [Finding("data", f"{file} is no file of ours, and would go with {file.parent}", f"mv -n {file} .") for file in files]


def memory() -> Finding:
    """What is free of it; what a stage takes is told by stage."""
    free = free_memory()
    return Finding("memory", f"{size(free)} free" if free is not None else "this system does not tell what is free")


def packages(lock: Path) -> Finding:
    """The installed ones against the lock."""
    try:
        check_lock(lock)
    except PipelineError as fault:
        return Finding("packages", fault.message, fault.mend)
    return Finding("packages", f"{sum(1 for _ in locked(lock))} as in {lock.name}")


def computing(settings: Mapping[str, Any], device: str) -> list[Finding]:
    """Device, threads and the precision of what trains; the compiler where one is asked for."""
    hardware, cores = settings["hardware"], os.cpu_count() or 1
    if device == "cuda":
        import torch

        where = f"{torch.cuda.get_device_name()}, {size(torch.cuda.mem_get_info()[0])} free"
    else:
        where = f"CPU, {threads_of(hardware['threads'], ranks=1, device=device)} threads on {cores} cores"
    asked = {name: one["precision"] for name, one in trained(settings).items() if "precision" in one}
    kinds = {precision: [name for name in asked if asked[name] == precision] for precision in dict.fromkeys(asked.values())}
    told = "; ".join(one if len(kinds) == 1 else f"{one} in {', '.join(names)}" for one, names in kinds.items())
    found = [Finding("device", f"{where}; {told}")]
    if hardware["threads"] > cores:
        told = f"hardware.threads={hardware['threads']}, and there are {cores} cores"
        found.append(Finding("threads", told, _set("hardware.threads=0"), stops=False))
    found += _eighths(device, kinds.get("fp8", []))
    halves = [*kinds.get("bf16", []), *kinds.get("fp16", [])]
    if device == "cpu" and halves and in_avx2():
        message = "a CPU computes in AVX2 here, for equal bits on all, and AVX2 knows neither bf16 nor fp16: they are far slower than fp32"
        found.append(Finding("precision", message, _set(" ".join(f"{name}.precision=fp32" for name in halves)), stops=False))
    if settings["pretrain"]["compile"] and device == "cpu" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        message = "pretrain.compile=true needs a compiler of C++, and there is none"
        found.append(Finding("compiler", message, f"{_set('pretrain.compile=false')}, or install g++"))
    return found


def tracker(track: Mapping[str, Any], *, reach: bool) -> Finding:
    """Who is told of the run; `reach`: try whether it answers, which takes up to some seconds where it doesn't."""
    kind, mode = track["kind"], track.get("mode", "auto")
    if kind == "none":
        return Finding("tracker", "none: the numbers stay in metrics/ and plots/")
    if importlib.util.find_spec(kind) is None:
        get = ".venv/bin/pip install 'trackio>=0.43,<0.44'" if kind == "trackio" else "make setup"
        return Finding("tracker", f"track={kind}, and its package is not installed", f"{get}, or make repro SET=track=none")
    if kind != "wandb":
        return Finding("tracker", kind)
    known, address = _has_key(), os.environ.get("WANDB_BASE_URL", WANDB)
    if mode == "online" and not known:
        mend = ".venv/bin/wandb login, or make repro SET=track.mode=offline"
        return Finding("tracker", "track.mode=online, and no account is known here", mend)
    if mode == "offline" or not known:
        why = "" if mode == "offline" else "; no account is known here (.venv/bin/wandb login)"
        return Finding("tracker", f"W&B offline, in {track['folder']}{why}")
    if reach and not _answers(address):
        mend = "make repro SET=track.mode=offline, and .venv/bin/wandb sync later"
        return Finding("tracker", f"W&B online, and {address} does not answer", mend)
    return Finding("tracker", f"W&B online, project {track['project']}")


def trained(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sections of what trains, by their keys."""
    return {"pretrain": settings["pretrain"], "sft": settings["sft"], "reward": settings["reward"]} | {
        f"align.{name}": one for name, one in settings["align"].items() if "duration" in one
    }


def _set(words: str) -> str:
    return f"make repro SET={words if ' ' not in words else repr(words)}"


def _trains(block: Block) -> bool:
    return block.folder.split("/")[0] in ("pretrain", "sft", "reward", "align")


def _eighths(device: str, sections: Sequence[str]) -> list[Finding]:
    """What is to be trained in fp8 where nothing computes in it."""
    faults = []
    for section in sections:
        from pipeline.train import fp8  # torch

        try:
            fp8.refuse_without(device, section=section)
        except PipelineError as fault:
            faults.append(fault)
    return [Finding("precision", faults[0].message, together(fault.mend for fault in faults))] if faults else []


def _has_key() -> bool:
    """Whether an account of W&B is known: its key in the environment, or in ~/.netrc, where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        host = urlsplit(os.environ.get("WANDB_BASE_URL", WANDB)).hostname or ""
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True
