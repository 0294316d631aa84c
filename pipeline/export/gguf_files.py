"""A model as GGUF files, each loaded back by llama.cpp and compared before it is released."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import NonNegativeInt, PositiveInt
from transformers import PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_json
from pipeline.core.owned import remove_file
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.architectures import refuse_other_forms
from pipeline.export.gguf_file import FileType, Matrix, four_bit_layers, write_gguf
from pipeline.export.gguf_parity import Original, measure
from pipeline.export.gptq import input_products
from pipeline.export.parity import Bounds, Fault
from pipeline.export.probe import Probing, probe_of, torch_logits
from pipeline.model.disk import load, tokenizer_digest
from pipeline.tokens.rows import open_rows


@dataclass(frozen=True, kw_only=True)
class Gguf(Probing):
    """What is written and how hard it is checked."""

    name: str  # the model's name inside the files
    types: tuple[FileType, ...]
    keep_f16: tuple[Matrix, ...]  # matrices that keep F16 in quantized files
    calibration_rows: NonNegativeInt  # rows of the training part whose activations steer the rounding of Q4_0; 0: to nearest
    threads: PositiveInt  # of llama.cpp; more than one makes a tiny model slower
    bounds: Bounds
    on_failure: Literal["drop", "fail"]  # a file beyond its bounds


def export(source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Gguf, section: str) -> dict[str, Any]:
    """Write the source as one GGUF file a type; returns sizes and parity, also in parity.json.

    Only files that, loaded back, keep their bounds are released. With on_failure "drop" the others are named under `dropped`, each with
    its `faults` and its `mend`. PipelineError with all of these for "fail", and where no file is left.
    """
    module = load(source, device="cpu")
    config = module.config
    window = getattr(config, "sliding_window", None)
    refuse_other_forms(config.model_type, activation=getattr(config, "hidden_act", "silu"), window=window)
    probe = probe_of(source, tokens, split, settings)
    products = _products(module, source, tokens, settings) if "Q4_0" in settings.types else {}
    write = partial(write_gguf, name=settings.name, keep_f16=settings.keep_f16, products=products)
    original = Original(module=module, folder=source.path, probe=probe, logits=torch_logits(module, probe), products=products)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(original.logits, probe.targets)}}
    wrong: dict[FileType, list[Fault]] = {}
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
        report["dropped"] = _dropped(wrong, settings, section=section)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source)}
        draft.facts["types"] = [kind for kind in settings.types if kind not in wrong]
        write_json(draft.path / "parity.json", report)
    return report


def _dropped(wrong: Mapping[FileType, Sequence[Fault]], settings: Gguf, *, section: str) -> dict[FileType, dict[str, Any]]:
    """What is told of the files that are not released; PipelineError where none may be missing, or none is left."""
    left = [kind for kind in settings.types if kind not in wrong]
    steered = bool(settings.calibration_rows)
    if wrong and (settings.on_failure == "fail" or not left):
        every = list(chain.from_iterable(wrong.values()))
        raise parity.refusal(every, mend=_mend(every, left, section=section, steered=steered and list(wrong) == ["Q4_0"]))
    return {
        kind: {"faults": [str(fault) for fault in faults], "mend": _mend(faults, left, section=section, steered=steered and kind == "Q4_0")}
        for kind, faults in wrong.items()
    }


def _mend(faults: Sequence[Fault], left: Sequence[FileType], *, section: str, steered: bool) -> str:
    """The choices there are: round to nearest (where GPTQ steered), go without the files, or let them be as far off as they are."""
    keys = {fault.key for fault in faults}
    ways = [f"{section}.calibration_rows=0"] if steered and keys <= {"bounds.row_error", "bounds.kl"} else []
    ways.append(f"{section}.types=[{','.join(left)}]" if left else "export=[transformers]")
    if all(fault.key and math.isfinite(fault.times) for fault in faults):
        times = {key: max(fault.times for fault in faults if fault.key == key) for key in sorted(keys)}
        ways.append(" ".join(f"{section}.{key}={math.ceil(value * 10) / 10:g}" for key, value in times.items()))
    return ", or ".join(ways)


def _products(module: PreTrainedModel, source: Model, tokens: Tokens, settings: Gguf) -> dict[str, npt.NDArray[np.float64]]:
    """What GPTQ must know of the layers, from training rows that lie evenly spread; all rows where there are fewer than asked for."""
    rows = open_rows(tokens, "train", tokenizer_digest=tokenizer_digest(source))
    places = np.linspace(0, len(rows), num=min(settings.calibration_rows, len(rows)), endpoint=False).astype(np.int64)
    return input_products(module, rows.read(places).ids, four_bit_layers(module, settings.keep_f16))
