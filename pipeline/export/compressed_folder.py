"""A model in 8 or 4 bits as folders of compressed-tensors, each loaded back by transformers and compared before it is released.

vLLM reads the same folders: `vllm serve DIR`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import compressed_tensors  # noqa: F401  transformers reads the folders by it, so its version belongs to the fingerprint of the stage
import numpy as np
import torch
from pydantic import NonNegativeInt
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_json
from pipeline.core.owned import remove_folder
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.architectures import refuse_groups, refuse_packing
from pipeline.export.folder_reader import ends_missed, strings_cut_otherwise
from pipeline.export.gptq import input_products
from pipeline.export.packed import PackedType, Products, description, packed, quantized
from pipeline.export.papers import WEIGHTS, write_beside
from pipeline.export.parity import Fault, Limit, WeightBounds, weight_limits
from pipeline.export.probe import Probe, Probing, calibration_rows, probe_of, torch_logits
from pipeline.export.release import OnFailure, dropped
from pipeline.export.rounding import Array, filled, row_errors
from pipeline.model.disk import load, tokenizer_digest


@dataclass(frozen=True, kw_only=True)
class Compressed(Probing):
    """What is written and how hard it is checked."""

    types: tuple[PackedType, ...]
    group_size: Literal[32, 64, 128]  # weights that share a scale in int4
    calibration_rows: NonNegativeInt  # rows of the training part that steer the rounding of int4; 0: to nearest
    bounds: WeightBounds
    on_failure: OnFailure


@dataclass(frozen=True, kw_only=True)
class Meant:
    """What a folder must say."""

    held: Mapping[str, Array]  # the weights that its codes stand for, by transformers' names
    nearest: Mapping[str, Array]  # the same with every weight rounded to nearest


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Compressed, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the source as one folder a type; returns sizes and parity, also in parity.json.

    Only folders that, loaded back, keep their bounds are released; release.dropped tells the others. Raises PipelineError for a kind
    of model that they can't hold.
    """
    module = load(source, device="cpu")
    refuse_packing(module.config.model_type)
    if "int4" in settings.types:
        widths = {name: int(getattr(module.config, name)) for name in ("hidden_size", "intermediate_size")}
        refuse_groups(widths, settings.group_size, section=section)
    probe = probe_of(source, tokens, split, settings)
    layers = _layers(module)
    steered = {"int4"} & set(settings.types) if settings.calibration_rows else set()
    products = input_products(module, calibration_rows(source, tokens, settings.calibration_rows if steered else 0), layers)
    wanted = torch_logits(module, probe)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}}
    wrong: dict[str, list[Fault]] = {}
    with target.writing() as draft:
        for kind in progress(settings.types, "folders"):
            folder = draft.path / kind
            meant = _write(folder, module, products, kind, group_size=settings.group_size)
            config = {"dtype": "float16", "quantization_config": description(kind, group_size=settings.group_size)}
            write_beside(folder, module, source, bill, settings.sampling, config)
            steering = products if kind == "int4" else {}
            found = {"bytes": sum(path.stat().st_size for path in folder.iterdir())} | _measure(
                folder, module, probe, wanted, meant, steering
            )
            if faults := parity.faults(kind, found, _limits(found["rounding"], settings.bounds)):
                wrong[kind] = faults
                remove_folder(folder)
            else:
                report[kind] = found
        instead = "export=[transformers]"
        report["dropped"] = dropped(
            wrong, settings.types, steered=steered, section=section, on_failure=settings.on_failure, instead=instead
        )
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source), "types": []}
        write_json(draft.path / "parity.json", report)
    return report


def _layers(module: PreTrainedModel) -> list[str]:
    """The linear layers whose weights are packed: all but the head, which tied models share with the embedding."""
    return [name for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear) and name != "lm_head"]


def _write(folder: Path, module: PreTrainedModel, products: Mapping[str, Products], kind: PackedType, *, group_size: int) -> Meant:
    """Write the weights of a folder: codes and scales of the layers, the rest in f16."""
    folder.mkdir()
    layers = {f"{name}.weight": name for name in _layers(module)}
    tensors: dict[str, torch.Tensor] = {}
    held: dict[str, Array] = {}
    nearest: dict[str, Array] = {}
    for key, tensor in module.state_dict().items():
        if key == "lm_head.weight" and module.config.tie_word_embeddings:
            continue
        if key in layers:
            weight = tensor.numpy()
            found = quantized(weight, products[layers[key]], kind, group_size=group_size)
            tensors |= {f"{layers[key]}.{end}": part for end, part in packed(found, kind).items()}
            held[key] = found.weights()
            nearest[key] = quantized(weight, np.zeros_like(products[layers[key]]), kind, group_size=group_size).weights()
        else:
            tensors[key] = tensor.half()
            held[key] = nearest[key] = tensors[key].float().numpy()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return Meant(held=held, nearest=nearest)


def _measure(
    folder: Path, module: PreTrainedModel, probe: Probe, wanted: parity.Logits, meant: Meant, products: Mapping[str, Products]
) -> dict[str, Any]:
    """The measures of a folder, and under `rounding` what kl would be with every weight rounded to nearest.

    ids_differ              strings that transformers cuts otherwise than our tokenizer, the chat template among them
    ends_missed             tokens that end an answer, at which transformers' generation does not stop
    row_error, worst        the worst row of the matrices against the model's (rounding.row_errors), and its matrix
    max_logit, mean_logit   transformers against torch with the weights that the codes stand for: 0, both compute in fp32
    kl, perplexity          transformers against the fp32 model
    """
    errors = row_errors(meant.held, meant.nearest, module, products)
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    reader = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found = torch_logits(reader, probe)
    own = filled(copy.deepcopy(module), meant.held)
    measured: dict[str, Any] = {"ids_differ": float(len(strings_cut_otherwise(folder, probe.strings))), "ends_missed": ends_missed(reader)}
    measured |= {"row_error": errors[worst], "worst": worst}
    measured |= parity.compare(found, torch_logits(own, probe))
    rounded = torch_logits(filled(own, meant.nearest), probe)
    measured |= {"rounding": {"kl": parity.mean_kl(wanted, rounded)}}
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _limits(rounding: Mapping[str, float], bounds: WeightBounds) -> tuple[Limit, ...]:
    return (
        *parity.SAME,
        Limit(measure="max_logit"),
        *weight_limits(rounding, bounds),
    )
