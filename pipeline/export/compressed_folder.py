"""A model in 8 or 4 bits as folders of compressed-tensors, each loaded back by transformers and compared before it is released.

vLLM reads the same folders: `vllm serve DIR`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from pipeline.export import awq, parity
from pipeline.export.architectures import GROUPED, refuse_groups, refuse_packing
from pipeline.export.folder_reader import ends_missed, strings_cut_otherwise
from pipeline.export.gptq import Quantized, steering_products
from pipeline.export.packed import PackedType, Products, description, packed, quantized, rounding_inputs
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
    group_size: Literal[32, 64, 128]  # weights that share a scale in 4 bits
    calibration_rows: NonNegativeInt  # rows of the training part that steer the rounding to 4 bits; 0: to nearest
    bounds: WeightBounds
    on_failure: OnFailure


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Compressed, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the source as one folder a type; returns sizes and parity, also in parity.json.

    Only folders that, loaded back, keep their bounds are released; release.dropped tells the others. Raises PipelineError for a kind
    of model that they can't hold.
    """
    module = load(source, device="cpu")
    refuse_packing(module.config.model_type)
    if {*GROUPED} & {*settings.types}:
        widths = {name: int(getattr(module.config, name)) for name in ("hidden_size", "intermediate_size")}
        refuse_groups(widths, settings.group_size, section=section)
    probe = probe_of(source, tokens, split, settings)
    layers = layers_of(module)
    steered = {*GROUPED} & set(settings.types) if settings.calibration_rows else set()
    rows = calibration_rows(source, tokens, settings.calibration_rows if steered else 0)
    products = steering_products(module, rows, layers, seed=settings.seed)
    wanted = torch_logits(module, probe)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}}
    wrong: dict[str, list[Fault]] = {}
    with target.writing() as draft:
        for kind in progress(settings.types, "folders"):
            folder = draft.path / kind
            made = _Made(
                kind=kind,
                group_size=settings.group_size,
                module=awq.scaled(module, products, group_size=settings.group_size) if kind == "awq" else module,
                products=products if kind == "int4" else {},
            )
            held = _write(folder, made)
            config = {"dtype": "float16", "quantization_config": description(kind, group_size=settings.group_size)}
            write_beside(folder, module, source, bill, settings.sampling, config)
            found: dict[str, Any] = {"bytes": sum(path.stat().st_size for path in folder.iterdir())}
            found |= _measure(folder, made, held, replace(made, module=module), probe, wanted)
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


def layers_of(module: PreTrainedModel) -> list[str]:
    """The linear layers whose weights are packed: all but the head, which tied models share with the embedding."""
    return [name for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear) and name != "lm_head"]


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What a folder is made of."""

    kind: PackedType
    group_size: int
    module: PreTrainedModel  # computes as the model; of awq with scaled weights
    products: Mapping[str, Products]  # of the inputs of its layers, where they steer the rounding

    def quantized(self, name: str, weight: Array, *, steered: bool = True) -> Quantized:
        """The weight of a layer."""
        zero = np.zeros((weight.shape[1], weight.shape[1]))
        products = self.products.get(name, zero) if steered else zero
        return quantized(weight, products, self.kind, group_size=self.group_size)

    def nearest(self) -> dict[str, Array]:
        """All weights, each of the layers' rounded to nearest."""
        layers, found = layers_of(self.module), dict[str, Array]()
        for key, tensor in self.module.state_dict().items():
            name = key.removesuffix(".weight")
            packs = name in layers
            found[key] = self.quantized(name, tensor.numpy(), steered=False).weights() if packs else tensor.half().float().numpy()
        return found


def _write(folder: Path, made: _Made) -> dict[str, Array]:
    """Write the weights of a folder, codes and scales of the layers, the rest in f16; returns what they stand for."""
    folder.mkdir()
    layers = layers_of(made.module)
    tensors: dict[str, torch.Tensor] = {}
    held: dict[str, Array] = {}
    for key, tensor in made.module.state_dict().items():
        name = key.removesuffix(".weight")
        if key == "lm_head.weight" and made.module.config.tie_word_embeddings:
            continue
        if name in layers:
            found = made.quantized(name, tensor.numpy())
            tensors |= {f"{name}.{end}": part for end, part in packed(found, made.kind).items()}
            held[key] = found.weights()
        else:
            tensors[key] = tensor.half()
            held[key] = tensors[key].float().numpy()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return held


def _measure(folder: Path, made: _Made, held: Mapping[str, Array], plain: _Made, probe: Probe, wanted: parity.Logits) -> dict[str, Any]:
    """The measures of a folder, and under `rounding` what kl would be with every weight of the `plain` model rounded to nearest.

    ids_differ              strings that transformers cuts otherwise than our tokenizer, the chat template among them
    ends_missed             tokens that end an answer, at which transformers' generation does not stop
    row_error, worst        the worst row of the matrices against the model's (rounding.row_errors), and its matrix
    max_logit, mean_logit   transformers against torch with the weights that the codes stand for: 0, both compute in fp32
    kl, perplexity          transformers against the fp32 model
    """
    errors = row_errors(held, made.nearest(), made.module, made.products)
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    reader = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found = torch_logits(reader, probe)
    own = rounding_inputs(filled(copy.deepcopy(made.module), held), made.kind)
    measured: dict[str, Any] = {"ids_differ": float(len(strings_cut_otherwise(folder, probe.strings))), "ends_missed": ends_missed(reader)}
    measured |= {"row_error": errors[worst], "worst": worst}
    measured |= parity.compare(found, torch_logits(own, probe))
    rounded = torch_logits(filled(own, plain.nearest()), probe)
    measured |= {"rounding": {"kl": parity.mean_kl(wanted, rounded)}}
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _limits(rounding: Mapping[str, float], bounds: WeightBounds) -> tuple[Limit, ...]:
    return (
        *parity.SAME,
        Limit(measure="max_logit"),
        *weight_limits(rounding, bounds),
    )
