"""The places that a user names, told with the mend before DVC meets them: its own words for them are bare."""

import difflib
import importlib.util
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import PipelineError
from pipeline.core.merge import value_at

# dvc.yaml depends on them
OUTSIDE = (
    "corpus.path",
    "select.examples",
    "select.url_lists",
    "dedup.embedding_model",
    "dialogues.path",
    "dialogues.preferences_path",
    "split.benchmarks",
    "model.init_from",
    "tokenizer.path",
)
EXTRAS = ("s3", "gs", "azure", "gdrive", "hdfs", "oss", "ssh", "webdav", "webdavs")
WITHOUT_EXTRA = {"http", "https", "file", "local"}  # DVC reads these by itself


def faults_of_places(settings: Mapping[str, Any], outs: Sequence[str]) -> Iterator[PipelineError]:
    """What is wrong with the places outside that the stages read. `outs`: the folders that the stages write."""
    for key in OUTSIDE:
        if fault := fault_of_place(key, str(value_at(settings, key)), outs):
            yield fault


def fault_of_place(key: str, place: str, outs: Sequence[str]) -> PipelineError | None:
    """The error to show for one place; None where DVC can read it."""
    if not place.strip():
        return PipelineError(f"{key} is empty", mend=f"{key}=DIR, a folder or a file of yours")
    if "://" in place:
        scheme = place.partition("://")[0]
        if scheme in WITHOUT_EXTRA or importlib.util.find_spec(f"dvc_{scheme}"):
            return None
        message = f"{key} is {place}, and DVC's part for {scheme} is not installed"
        if scheme not in EXTRAS:
            return PipelineError(message, mend=f"download it; DVC reads {', '.join(f'{one}://' for one in EXTRAS)}")
        return PipelineError(message, mend=f".venv/bin/pip install 'dvc[{scheme}]'")
    if (whole := expanded(place)) != str(Path(place)):
        return PipelineError(f"{key} is {place}, and neither DVC nor Hydra expands it", mend=f"{key}={whole}")
    path = Path(place).resolve()
    if held := [out for out in outs if Path(out).resolve().is_relative_to(path) or path.is_relative_to(Path(out).resolve())]:
        return PipelineError(
            f"{key} is {place}, which holds what the pipeline itself writes ({held[0]})",
            mend=f"{key}=DIR, a folder of its own: data/input/NAME",
        )
    if not path.exists():
        near = difflib.get_close_matches(path.name, [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else [], n=1)
        mend = f"{key}={Path(place).parent / near[0]}" if near else f"{key}=DIR, a folder that is there; or mkdir -p {shlex.quote(place)}"
        return PipelineError(f"there is no {key}={place}", mend=mend)
    return None


def expanded(place: str) -> str:
    """With ~ and $VARIABLES filled in, as a shell does at the beginning of a word."""
    if "://" in place:
        return place
    path = Path(os.path.expandvars(place))
    try:
        return str(path.expanduser())
    except RuntimeError:  # of a user that is not known here
        return str(path)
