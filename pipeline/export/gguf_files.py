"""A model as GGUF files, each loaded back by llama.cpp and compared before anything is released."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import NonNegativeInt, PositiveInt
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_json
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.gguf_file import FileType, Matrix, architecture_of, four_bit_layers, read_weights, write_gguf
from pipeline.export.gptq import input_products
from pipeline.export.llama_runtime import Runtime
from pipeline.export.parity import Bounds, Fault
from pipeline.export.probe import Probe, Probing, encoder, probe_of, torch_logits
from pipeline.model.disk import load, tokenizer_digest
from pipeline.tokens.shards import open_rows


@dataclass(frozen=True, kw_only=True)
class Gguf(Probing):
    """What is written and how hard it is checked."""

    name: str  # the model's name inside the files
    types: tuple[FileType, ...]
    keep_f16: tuple[Matrix, ...]  # matrices that keep F16 in quantized files
    calibration_rows: NonNegativeInt  # rows of the training part whose activations steer the rounding of Q4_0; 0: to nearest
    threads: PositiveInt  # of llama.cpp; more than one makes a tiny model slower
    bounds: Bounds


def export(source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Gguf, section: str) -> dict[str, Any]:
    """Write the source as one GGUF file a type; returns sizes and parity, also in parity.json.

    Nothing appears unless every file, loaded back, keeps its bounds; else PipelineError names each fault.
    """
    module = load(source, device="cpu")
    architecture_of(module.config)
    probe = probe_of(source, tokens, split, settings)
    products = _products(module, source, tokens, settings) if "Q4_0" in settings.types else {}
    write = partial(write_gguf, name=settings.name, keep_f16=settings.keep_f16, products=products)
    wanted = torch_logits(module, probe)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}}
    found: list[Fault] = []
    with target.writing() as draft:
        for kind in progress(settings.types, "files"):
            path = draft.path / f"model-{kind}.gguf"
            tensors = write(path, module, source.path, kind=kind)
            report[kind] = {"bytes": path.stat().st_size, "tensors": tensors}
            report[kind] |= _measure(path, module, source.path, probe, wanted, threads=settings.threads, quantized=kind != "F16")
            found += parity.faults(path.name, report[kind], settings.bounds, quantized=kind != "F16")
        parity.require(found, section=section, drop="types")
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source)}
        draft.facts["types"] = list(settings.types)
    return report


def _products(module: PreTrainedModel, source: Model, tokens: Tokens, settings: Gguf) -> dict[str, npt.NDArray[np.float64]]:
    """What GPTQ must know of the layers, from training rows that lie evenly spread; all rows where there are fewer than asked for."""
    rows = open_rows(tokens, "train", tokenizer_digest=tokenizer_digest(source)).rows
    places = np.linspace(0, len(rows), num=min(settings.calibration_rows, len(rows)), endpoint=False).astype(np.int64)
    return input_products(module, rows[places].astype(np.int64), four_bit_layers(module, settings.keep_f16))


def _measure(
    path: Path, module: PreTrainedModel, folder: Path, probe: Probe, wanted: parity.Logits, *, threads: int, quantized: bool
) -> dict[str, float]:
    """What llama.cpp makes of the file, against the fp32 model and against the file's own dequantized weights."""
    with Runtime(path, context=probe.rows.shape[1], threads=threads) as runtime:
        differ = [
            text
            for special in (False, True)  # a literal <|user|> in data is text; in a prompt that a program wrote it is a token
            for text in parity.token_differences(probe.strings, encoder(folder, special=special), _reader(runtime, special=special))
        ]
        found = np.concatenate([runtime.logits(row.tolist()) for row in probe.rows])[probe.kept]
    meant = torch_logits(_dequantized(module, path), probe) if quantized else wanted
    measured = {"ids_differ": float(len(differ))} | parity.compare(found, meant)
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _dequantized(module: PreTrainedModel, path: Path) -> PreTrainedModel:
    """A copy of the module with the weights that the file holds."""
    other = copy.deepcopy(module)
    weights = {name: torch.from_numpy(weight) for name, weight in read_weights(path, module.config).items()}
    missing = other.load_state_dict(weights, strict=False).missing_keys
    if set(missing) - {"lm_head.weight"} or (missing and not module.config.tie_word_embeddings):
        raise ValueError(f"{path.name} lacks {missing}")
    other.tie_weights()
    other.train(False)
    return other


def _reader(runtime: Runtime, *, special: bool) -> Callable[[str], Sequence[int]]:
    return lambda text: runtime.tokenize(text, special=special)
