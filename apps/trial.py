"""One pretraining beside the pipeline, on its tokens and by its settings with some of them changed: what comparisons are made of.

Nothing of the pipeline's is written.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.errors import InputError, PipelineError
from pipeline.core.local import overlaid
from pipeline.core.sections import part_of

SETTINGS = Path("params.yaml")


@dataclass(frozen=True)
class Outcome:
    """What a pretraining came to."""

    parameters: int
    tokens: int
    history: Sequence[Mapping[str, Any]]
    bits_per_byte: float
    source_bits_per_byte: float | None


def settings() -> dict[str, Any]:
    """What the pipeline is set to. InputError before its tokens are there."""
    if not (Path("data/tokenize") / "manifest.json").is_file():
        raise InputError("there are no tokens yet", mend="make repro")
    found: dict[str, Any] = yaml.safe_load(SETTINGS.read_text())
    return found


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, with some of them changed."""
    both = lambda key, value: isinstance(value, Mapping) and isinstance(base.get(key), Mapping)  # noqa: E731
    return {**base, **{key: merged(base[key], value) if both(key, value) else value for key, value in changes.items()}}


def pretrained(all_settings: Mapping[str, Any], changes: Mapping[str, Any], *, name: str) -> Outcome:
    """Train by the section `pretrain` with these changes of it, and evaluate on the held-out text."""
    import torch

    from pipeline.model import count
    from pipeline.model.held_out import bits_per_byte
    from pipeline.pretraining.taught import Pretraining, taught
    from pipeline.train.workspace import Workspace

    own = merged(all_settings["pretrain"], {"keep": 0, "distillation": {"teachers": 0}} | changes)
    if (objective := own["objective"]["kind"]) != "causal":
        message = f"{name} learns to predict the next token, and the settings have objective={objective}"
        raise PipelineError(message, mend="objective=causal")
    hardware = overlaid(dict(all_settings), Path())["hardware"]
    device = ("cuda" if torch.cuda.is_available() else "cpu") if hardware["device"] == "auto" else hardware["device"]
    recipe = part_of(own, Pretraining)
    data = recipe.data()
    with tempfile.TemporaryDirectory() as folder:
        found = taught(recipe, data, Workspace(scratch=Path(folder), device=device, track=lambda *_: None, section=name))
    scored = bits_per_byte(found.module, data.held_out, recipe.final_evaluation)
    return Outcome(
        count.parameters(found.module),
        int(found.trained.amount["tokens"]),
        found.trained.history,
        scored["bits_per_byte"],
        scored["source_bits_per_byte"],
    )
