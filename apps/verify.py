"""Check an exported file: its bytes against its manifest and dvc.lock, and its bill of materials against what it was made of.

FILE is a file or a folder of data/export, or a copy of one that lies anywhere: a copy is known by its bytes, else by its name.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.artifact.exports import Exports
from pipeline.core.cache import listing_of
from pipeline.core.errors import PipelineError
from pipeline.core.files import sha256_of
from pipeline.core.manifest import read
from pipeline.core.owned import MANIFEST

EXPORTS = Path("data/export")
LOCK = Path("dvc.lock")


def main() -> None:
    """`python -m apps.verify FILE`; without one, everything in data/export."""
    asked = [Path(word) for word in sys.argv[1:] if word]
    try:
        lock = _lock()
        told = [line for path in asked or sorted(EXPORTS.glob("*/")) for line in verify(path, lock)]
    except PipelineError as fault:
        sys.exit(f"verify: {fault}")
    print("\n".join(told) or f"verify: nothing lies in {EXPORTS}")


def verify(path: Path, lock: Mapping[str, Any]) -> Iterator[str]:
    """What was found right, a line a thing. PipelineError for the first file that is not what was exported."""
    if not path.exists():
        raise PipelineError(f"{path} is not there", mend="make verify FILE=data/export/gguf/model-Q8_0.gguf")
    files = sorted(one for one in path.rglob("*") if one.is_file() and one.name != MANIFEST) if path.is_dir() else [path]
    folders: dict[Path, str] = {}
    for file in files:
        folder, name = _known(file)
        if folder not in folders:
            folders[folder] = _locked(folder, lock)
        yield f"{file}: the bytes of {folder}/{name}, as its manifest and {LOCK} say"
        if bill := bill_of_file(file):
            yield f"  {_followed(bill, folder, lock)}"


def bill_of_file(path: Path) -> dict[str, str]:
    """The bill of materials in a file: of config.json, GGUF or ONNX; {} for others."""
    if path.name == "config.json":
        return dict(json.loads(path.read_bytes()).get(Exports.BILL, {}))
    notes, before = dict[str, Any](), f"{Exports.BILL}."
    if path.suffix == ".gguf":
        import gguf

        notes = {name: one.contents() for name, one in gguf.GGUFReader(path).fields.items() if name.startswith(before)}
    if path.suffix == ".onnx":
        import onnx

        notes = {one.key: one.value for one in onnx.load(path).metadata_props if one.key.startswith(before)}
    return {name.removeprefix(before): value for name, value in notes.items()}


def _known(file: Path) -> tuple[Path, str]:
    """The exported folder and the name there that a file has, by its place or as a copy; PipelineError where its bytes are others."""
    digest = sha256_of(file)
    near = []
    for folder in sorted(EXPORTS.glob("*/")):
        for name, entry in read(folder, "exports", mend=f".venv/bin/dvc repro export@{folder.name}").files.items():
            place = folder / name
            if place.exists() and place.samefile(file):
                if entry["sha256"] != digest:
                    raise _other(file, folder, name)
                return folder, name
            if entry["sha256"] == digest:
                near.insert(0, (folder, name))
            elif Path(name).name == file.name:
                near.append((folder, name))
    for folder, name in near:
        if read(folder, "exports", mend="").files[name]["sha256"] == digest:
            return folder, name
    if near:
        raise _other(file, *near[0])
    raise PipelineError(
        f"{file} is none of the files in {EXPORTS}, neither by its bytes nor by its name", mend="make repro, then make verify FILE=…"
    )


def _other(file: Path, folder: Path, name: str) -> PipelineError:
    where = (
        f".venv/bin/dvc checkout {folder}"
        if (folder / name).exists() and file.samefile(folder / name)
        else f"a new copy of {folder}/{name}"
    )
    return PipelineError(f"{file} has other bytes than the {name} that {folder} was written with", mend=where)


def _locked(folder: Path, lock: Mapping[str, Any]) -> str:
    """The MD5 of the folder, as dvc.lock has it; PipelineError where the folder is another."""
    stage = f"export@{folder.name}"
    outs = {out["path"]: out["md5"] for out in lock.get(stage, {}).get("outs", ())}
    wanted = outs.get(folder.as_posix())
    if wanted is None:
        raise PipelineError(f"{LOCK} knows no {folder}: it was not written by `dvc repro`", mend=f".venv/bin/dvc repro {stage}")
    found = hashlib.md5(listing_of(folder), usedforsecurity=False).hexdigest() + ".dir"
    if found != wanted:
        raise PipelineError(f"{folder} is not the folder that {LOCK} names: {_changed(folder)}", mend=f".venv/bin/dvc checkout {folder}")
    return wanted


def _changed(folder: Path) -> str:
    """Which file, as far as the manifest tells."""
    files = read(folder, "exports", mend="").files
    lost = [name for name, entry in files.items() if not (folder / name).is_file() or sha256_of(folder / name) != entry["sha256"]]
    return f"{', '.join(lost)} has other bytes" if lost else f"{MANIFEST} is another, or a file was added"


def _followed(bill: Mapping[str, str], folder: Path, lock: Mapping[str, Any]) -> str:
    """What the bill's model is in the workspace, and what dvc.lock says of how it was made; PipelineError where the bill names another."""
    entry = lock[f"export@{folder.name}"]
    source = next((Path(dep["path"]) for dep in entry["deps"] if (Path(dep["path"]) / "model.safetensors").is_file()), None)
    if source is None:
        return f"bill: model {bill['model'][:12]}; that model is not in the workspace (.venv/bin/dvc checkout brings it)"
    found = read(source, "model", mend=f".venv/bin/dvc repro {'@'.join(source.parts[1:])}")
    if found.digest != bill["model"]:
        raise PipelineError(
            f"the bill names the model {bill['model'][:12]}, {source} is {found.digest[:12]}",
            mend=f".venv/bin/dvc repro export@{folder.name}",
        )
    made = lock.get("@".join(source.parts[1:]), {})
    deps = ", ".join(dict.fromkeys(f"{dep['path']} {dep['md5'][:12]}" for dep in made.get("deps", ())))  # an entry may read one twice
    return f"bill: model {bill['model'][:12]} is {source}, made from {deps}, with the settings that {LOCK} lists"


def _lock() -> dict[str, Any]:
    if not LOCK.is_file():
        raise PipelineError(f"{LOCK} is not there", mend="make verify in the folder of the pipeline")
    content = yaml.load(LOCK.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    stages: dict[str, Any] = content["stages"]
    return stages


if __name__ == "__main__":
    main()
