"""One pretraining beside the pipeline, on its tokens and by its settings with some of them changed: what comparisons are made of.

Nothing of the pipeline's is written.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter

from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import InputError, PipelineError
from pipeline.core.local import overlaid
from pipeline.core.seed import seed_of

SETTINGS = Path("params.yaml")
T = TypeVar("T")


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
    from pipeline.model.held_out import Evaluation, SlidingWindow, bits_per_byte, evaluate
    from pipeline.model.objective import NextToken
    from pipeline.model.shapes import checked
    from pipeline.model.start import start
    from pipeline.tokens.rows import open_rows
    from pipeline.tokens.tokenizer import load
    from pipeline.train.fit import Fitting, fit
    from pipeline.train.workspace import Workspace

    own = merged(all_settings["pretrain"], changes)
    if (objective := own["objective"]["kind"]) != "causal":
        message = f"{name} learns to predict the next token, and the settings have objective={objective}"
        raise PipelineError(message, mend="objective=causal")
    hardware = overlaid(dict(all_settings), Path())["hardware"]
    device = ("cuda" if torch.cuda.is_available() else "cpu") if hardware["device"] == "auto" else hardware["device"]
    tokenizer, tokens = Tokenizer(Path(own["tokenizer"])), Tokens(Path(own["source"]))
    train, val = (open_rows(tokens, part, tokenizer_digest=tokenizer.digest) for part in ("train", "val"))
    shape, seed = checked(own["shape"]), seed_of(own["seed"], "pretrain")
    recipe, evaluation, window = (
        part_of(own, Fitting),
        typed(own["evaluation"], Evaluation),
        typed(own["final_evaluation"], SlidingWindow),
    )
    module, codec = start(shape, tokenizer, seed=seed), load(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        trained, _ = fit(
            module,
            NextToken(train, context=shape.context, z_loss=own["z_loss"], loss_mean=own["loss_mean"]),
            recipe,
            Workspace(scratch=Path(folder), device=device, track=lambda *_: None, section=name),
            matrices=count.matrices(module),
            evaluate=lambda one: evaluate(one, val, codec, evaluation, seed=seed),
            seed=seed,
        )
    scored = bits_per_byte(module, val, window)
    return Outcome(
        count.parameters(module), int(trained.amount["tokens"]), trained.history, scored["bits_per_byte"], scored["source_bits_per_byte"]
    )


def typed(content: Mapping[str, Any], kind: type[T]) -> T:
    """A section as its settings."""
    return TypeAdapter(kind).validate_json(json.dumps(content))


def part_of(section: Mapping[str, Any], kind: type[T]) -> T:
    """The keys of a section that belong to some settings."""
    return typed({one.name: section[one.name] for one in fields(kind)}, kind)  # type: ignore[arg-type]
