"""A model as GGUF files, each loaded back by llama.cpp and compared before it is released."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from pydantic import NonNegativeInt, PositiveInt
from transformers import PreTrainedConfig

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_json, write_text
from pipeline.core.owned import remove_file
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.architectures import refuse_other_forms
from pipeline.export.experts import opened
from pipeline.export.gguf_file import Matrix, steered_layers, write_gguf
from pipeline.export.gguf_parity import Original, measure
from pipeline.export.gguf_types import STEERED, FileType, refuse_types
from pipeline.export.gptq import steering_products
from pipeline.export.papers import modelfile, notes_of
from pipeline.export.parity import Bounds, Fault
from pipeline.export.probe import Probing, calibration_rows, encoder, probe_of, torch_logits
from pipeline.export.release import OnFailure, dropped
from pipeline.model.disk import load, tokenizer_digest
from pipeline.model.kinds.gpt2 import ACTIVATIONS

FOR_OLLAMA = ("Q8_0", "F16", "BF16")  # the file that the Modelfile names: nearly no loss, where it is there


@dataclass(frozen=True, kw_only=True)
class Gguf(Probing):
    """What is written and how hard it is checked."""

    name: str  # the model's name inside the files
    types: tuple[FileType, ...]
    keep_f16: tuple[Matrix, ...]  # matrices that keep F16 in quantized files
    calibration_rows: NonNegativeInt  # rows of the training part that steer the rounding below 8 bits; 0: to nearest
    threads: PositiveInt  # of llama.cpp; more than one makes a tiny model slower
    bounds: Bounds
    on_failure: OnFailure


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Gguf, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the source as one GGUF file a type; returns sizes and parity, also in parity.json.

    Only files that, loaded back, keep their bounds are released. With on_failure "drop" the others are named under `dropped`, each with
    its `faults` and its `mend`. PipelineError with all of these for "fail", and where no file is left.
    """
    module = load(source, device="cpu")
    config = module.config
    window = getattr(config, "sliding_window", None)
    refuse_other_forms(config.model_type, activation=_activation(config), window=window)
    refuse_types(settings.types, {"hidden_size": config.hidden_size}, section=section)
    probe = probe_of(source, tokens, split, settings)
    steered = {*STEERED} & {*settings.types} if settings.calibration_rows else set()
    layers = steered_layers(module, settings.types, settings.keep_f16)
    logits = torch_logits(module, probe)
    module = opened(module)
    rows = calibration_rows(source, tokens, settings.calibration_rows if layers else 0)
    products = steering_products(module, rows, layers, seed=settings.seed)
    notes = notes_of(bill)
    write = partial(write_gguf, name=settings.name, keep_f16=settings.keep_f16, products=products, notes=notes)
    encode = {special: cache(encoder(source.path, special=special)) for special in (False, True)}
    original = Original(module=module, encode=encode, probe=probe, logits=logits, products=products)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(original.logits, probe.targets)}}
    wrong: dict[str, list[Fault]] = {}
    with target.writing() as draft:
        for kind in progress(settings.types, "files"):
            path = draft.path / f"model-{kind}.gguf"
            tensors = write(path, module, source.path, kind=kind)
            found: dict[str, Any] = {"bytes": path.stat().st_size, "tensors": tensors} | measure(path, original, threads=settings.threads)
            if faults := parity.faults(path.name, found, parity.limits(found["rounding"], settings.bounds)):
                wrong[kind] = faults
                remove_file(path)
            else:
                report[kind] = found
        report["dropped"] = dropped(
            wrong, settings.types, steered=steered, section=section, on_failure=settings.on_failure, instead="export=[transformers]"
        )
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source)}
        left = draft.facts["types"] = [kind for kind in settings.types if kind not in wrong]
        first = next((kind for kind in FOR_OLLAMA if kind in left), left[0])
        told = modelfile(f"model-{first}.gguf", context=config.max_position_embeddings, sampling=settings.sampling)
        write_text(draft.path / "Modelfile", told)
        write_json(draft.path / "parity.json", report)
    return report


def _activation(config: PreTrainedConfig) -> str:
    """The word of conf/model."""
    name = str(getattr(config, "hidden_act", None) or getattr(config, "activation_function", ""))
    return next((word for word, known in ACTIVATIONS.items() if known == name), name)
