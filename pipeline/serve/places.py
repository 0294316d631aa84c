"""Which models there are: those of a finished run by name, their exported files, and folders that the user names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError, PipelineError
from pipeline.core.params import PARAMS, read_params
from pipeline.export.folders import FOLDERS

TRANSFORMERS, GGUF = Path("data/export/transformers"), Path("data/export/gguf")
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class Place:
    """A model on disk."""

    name: str
    path: Path  # of a folder, or of a GGUF file
    tokenizer: Path  # a folder with the tokenizer's files and the configuration

    @property
    def is_gguf(self) -> bool:
        """Whether llama.cpp answers for it."""
        return self.path.suffix == ".gguf"


def settings_of(params: Path = PARAMS) -> dict[str, Any]:
    """The settings of the run. PipelineError where there are none."""
    if not params.is_file():
        raise PipelineError(f"there is no {params}, so no run whose models could be named", mend="make repro, or name a model's folder")
    return read_params(params)


def places_of(settings: Mapping[str, Any], more: Mapping[str, Path], *, root: Path = Path()) -> dict[str, Place]:
    """By name: the models of the settings that are on disk below the root, the exported files, then `more`, in that order."""
    named = {name: root / path for name, path in settings.get("models", {}).items()}
    found = {name: place_of(name, path) for name, path in named.items() if is_model(path)}
    final = root / settings.get("final_model", "")
    for kind, folder in FOLDERS.items():
        if is_model(path := root / TRANSFORMERS / folder):
            name = "transformers" if kind == "fp32" else f"transformers-{kind}"
            found[name] = place_of(name, path)
    if is_model(final):
        stem = next((name for name, path in named.items() if path == final), final.name)
        for path in sorted((root / GGUF).glob("*.gguf")):
            name = f"{stem}-{path.stem.removeprefix('model-')}"  # as the contest names it
            found[name] = Place(name, path, final)
    for name, path in more.items():
        found[name] = place_of(name, path)
    return found


def place_of(name: str, path: Path) -> Place:
    """A folder as transformers reads it. InputError for what is none."""
    if missing := [one for one in NEEDED if not (path / one).is_file()]:
        raise InputError(f"{path} is no model: it has no {', '.join(missing)}", mend="make repro, or the folder of another model")
    return Place(name, path, path)


def is_model(path: Path) -> bool:
    """Whether all that a model needs is there."""
    return all((path / one).is_file() for one in NEEDED)


def final_name(settings: Mapping[str, Any], found: Mapping[str, Place]) -> str:
    """The name of the run's last model, else of the last that there is. PipelineError where there is none."""
    if not found:
        raise PipelineError("there is no model on disk", mend="make repro, or name a model's folder")
    final = settings.get("final_model")
    return next((name for name, path in settings.get("models", {}).items() if path == final and name in found), list(found)[-1])


def chosen(name: str, found: Mapping[str, Place]) -> Place:
    """The model of this name. InputError that names those there are."""
    if name not in found:
        raise InputError(f"there is no model {name!r}", mend=f"of {', '.join(found)}")
    return found[name]
