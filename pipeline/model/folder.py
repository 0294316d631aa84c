"""A model's folder: whether one lies there to go on from, and how many tokens it reads by its config.json. Imports no transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError

FOLDER = "folder"  # as a kind of model: that of the model in init_from
INIT_FROM = "model.init_from"
QUANTIZATION = "quantization_config"
OTHER = f"{INIT_FROM}=DIR, a folder with config.json, safetensors and tokenizer.json"


def has_model(folder: Path) -> bool:
    """Whether something lies there: an empty folder stands for no model."""
    return folder.is_dir() and any(path.name != ".gitkeep" for path in folder.iterdir())


def context_of(config: Mapping[str, Any]) -> int | None:
    """The tokens that a model with this config.json reads at most, GPT-2's by its own name; None where it does not say."""
    return next((int(config[key]) for key in ("max_position_embeddings", "n_positions") if config.get(key)), None)


def refuse_context(folder: Path, config: Any, asked: Any) -> None:
    """InputError where the model with this configuration was made for fewer tokens than it is to read."""
    most = getattr(config, "max_position_embeddings", None)
    if most and isinstance(asked, int) and most < asked:
        raise InputError(f"{folder} reads {most} tokens, model.context is {asked}", mend=f"model.context={most}")
