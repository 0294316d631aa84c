"""Models on disk: a folder that transformers reads, the tokenizer's files beside the weights."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import tokenizers
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging
from transformers.utils.quantization_config import QuantizationConfigMixin

from pipeline.core import manifest
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import SMALLER, ArtifactError, Diverged
from pipeline.core.files import read_json, write_json
from pipeline.model.count import parameters
from pipeline.model.objectives.readers import refuse_reader
from pipeline.model.shapes import kind_of_type
from pipeline.tokens.tokenizer import FILES, read


def save(
    module: PreTrainedModel,
    target: Model,
    *,
    tokenizer: Tokenizer | Model,
    facts: Mapping[str, Any],
    sides: Mapping[str, Any] | None = None,
    beside: Callable[[Path], None] | None = None,
    earlier: Iterable[tuple[int, PreTrainedModel]] = (),
) -> None:
    """Write weights (safetensors), configuration and the tokenizer's files; `tokenizer` may be the model that this one came from.

    `sides` are small JSON files (file name -> value), `beside` writes what else belongs into the folder. The manifest's facts are `facts`,
    the parameters, and the digest of the tokenizer. The same weights give the same bytes. `earlier` are models of fewer steps, which become
    the folders kept/1, kept/2 ... below, models themselves.
    """
    with target.writing() as draft:
        draft.facts |= _written(module, draft.path, tokenizer, facts)
        for name, value in (sides or {}).items():
            write_json(draft.path / name, value)
        if beside is not None:
            beside(draft.path)
        for number, (steps, module_then) in enumerate(earlier, 1):
            folder = draft.path / Model.EARLIER / str(number)
            folder.mkdir(parents=True)
            manifest.seal(folder, Model.kind, _written(module_then, folder, tokenizer, {**facts, "steps": steps}))


def _written(module: PreTrainedModel, folder: Path, tokenizer: Tokenizer | Model, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights, configuration and the tokenizer's files; the facts of the folder's manifest."""
    broken = [name for name, weight in module.state_dict().items() if weight.is_floating_point() and not bool(weight.isfinite().all())]
    if broken:
        raise Diverged(f"{len(broken)} weights are not finite, {broken[0]} is one: training has diverged", mend=SMALLER)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    module.save_pretrained(folder)
    for name in FILES:
        shutil.copyfile(tokenizer.file(name), folder / name)
    return {**facts, "parameters": parameters(module), "tokenizer": tokenizer_digest(tokenizer)}


def load(artifact: Model, *, device: str, rounding: QuantizationConfigMixin | None = None) -> PreTrainedModel:
    """The language model, fp32, ready to read (eval mode). PipelineError for one that can't go on from a text.

    With `rounding` its matrices are held so; that needs bitsandbytes.
    """
    refuse_reader(artifact.facts.get("objective"), place=str(artifact.path))
    return load_as(AutoModelForCausalLM, artifact, device, rounding)


def tokenizer_of(artifact: Model) -> tokenizers.Tokenizer:
    """The tokenizer that the model was trained with."""
    return read(artifact.file("tokenizer.json"))


def tokenizer_digest(artifact: Tokenizer | Model) -> str:
    """The digest of a tokenizer, or of the tokenizer that a model was trained with."""
    return str(artifact.facts["tokenizer"]) if isinstance(artifact, Model) else artifact.digest


def same_tokenizer(*artifacts: Tokenizer | Model) -> None:
    """ArtifactError when two of them stand on different tokenizers: their ids would not mean the same words."""
    first = artifacts[0]
    for other in artifacts[1:]:
        if tokenizer_digest(other) != tokenizer_digest(first):
            message = f"{other.path} has the tokenizer {tokenizer_digest(other)[:12]}, {first.path} has {tokenizer_digest(first)[:12]}"
            raise ArtifactError(message, mend=f".venv/bin/dvc repro {first.path.name} {other.path.name}")


def load_as(family: Any, artifact: Model, device: str, rounding: QuantizationConfigMixin | None = None) -> PreTrainedModel:
    """A module of the class `family` of transformers, fp32, ready to read (eval mode)."""
    artifact.file("model.safetensors")  # every file is compared with the manifest
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    kernel = kind_of_type(read_json(artifact.file("config.json"))["model_type"]).attention
    options = {"dtype": torch.float32, "attn_implementation": kernel, "local_files_only": True, "use_safetensors": True}
    if rounding is not None:
        rounded: PreTrainedModel = family.from_pretrained(artifact.path, quantization_config=rounding, device_map={"": device}, **options)
        return rounded.eval()  # type: ignore[no-any-return, no-untyped-call]
    module: PreTrainedModel = family.from_pretrained(artifact.path, **options)
    for weight in (*module.parameters(), *module.buffers()):
        weight.data = weight.data.clone()  # out of the mapped file, where odd addresses lead to other kernels and other last bits
    module.to(device).eval()  # type: ignore[arg-type]
    return module
