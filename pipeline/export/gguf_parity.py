"""What llama.cpp makes of a GGUF file, and what rounding alone would make of it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type
from transformers import PreTrainedModel

from pipeline.export import parity
from pipeline.export.gguf_file import read_gguf
from pipeline.export.llama_runtime import Runtime
from pipeline.export.probe import Probe, torch_logits
from pipeline.export.rounding import filled, rounded_inputs, row_errors, to_nearest
from pipeline.tokens.special import ENDS

Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Original:
    """The fp32 model that files are made of, and what it says."""

    module: PreTrainedModel  # experts opened
    encode: Mapping[bool, Callable[[str], Sequence[int]]]  # by its tokenizer; True: a literal <|user|> becomes its token
    probe: Probe
    logits: parity.Logits
    products: Mapping[str, npt.NDArray[np.float64]]  # gptq's steering_products


def measure(path: Path, original: Original, *, threads: int) -> dict[str, Any]:
    """The measures of a file, and under `rounding` what mean_logit and kl would be if nothing but rounding came between.

    ids_differ                       strings that llama.cpp cuts otherwise than our tokenizer
    ends_missed                      tokens that end an answer, which llama.cpp does not take for an end
    row_error, worst                 the worst row of the file's matrices against the model's (`rounding.row_errors`), and its matrix
    mean_logit, max_logit, argmax    llama.cpp against torch with the file's own weights
    kl, perplexity                   llama.cpp against the fp32 model
    """
    found, differ, missed = _runtime(path, original, threads=threads)
    file = read_gguf(path, original.module.config)
    held, types = file.weights, file.types
    nearest = to_nearest(original.module, types)
    errors = row_errors(held, nearest, original.module, _weights(original.products, types))
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    meant, rounding = _torch(original, held, nearest, types)
    measured: dict[str, Any] = {"ids_differ": float(differ), "ends_missed": float(missed)}
    measured |= {"row_error": errors[worst], "worst": worst, "rounding": rounding}
    measured |= parity.compare(found, meant)
    return measured | {"kl": parity.mean_kl(original.logits, found), "perplexity": parity.perplexity(found, original.probe.targets)}


def _weights(products: Mapping[str, npt.NDArray[np.float64]], types: Mapping[str, Type]) -> dict[str, npt.NDArray[np.float64]]:
    """How the errors of each layer's rows were weighed: by all products of its inputs in Q4_0, by their squares in the weighted types."""
    gptq = {name for name in products if types[f"{name}.weight"] == Type.Q4_0}
    return {name: found if name in gptq else np.diag(np.diagonal(found)) for name, found in products.items()}


def _torch(original: Original, held: Weights, nearest: Weights, types: Mapping[str, Type]) -> tuple[parity.Logits, dict[str, float]]:
    """The logits of the file's weights; and of rounding alone the mean_logit, which inputs make that are rounded as llama.cpp rounds
    them, and the kl, for which the weights are the model's, rounded to nearest.
    """
    module = filled(copy.deepcopy(original.module), held)
    meant = torch_logits(module, original.probe)
    with rounded_inputs(module, types):
        rounded = torch_logits(module, original.probe)
        mean_logit = parity.compare(rounded, meant)["mean_logit"]
        if any(not np.array_equal(weight, nearest[name]) for name, weight in held.items()):
            rounded = torch_logits(filled(module, nearest), original.probe)
    return meant, {"mean_logit": mean_logit, "kl": parity.mean_kl(original.logits, rounded)}


def _runtime(path: Path, original: Original, *, threads: int) -> tuple[parity.Logits, int, int]:
    """llama.cpp's logits, how many strings it cuts otherwise, and how many ends it does not know."""
    probe = original.probe
    with Runtime(path, context=probe.rows.shape[1], threads=threads) as runtime:
        differ = [
            text
            for special in (False, True)  # a literal <|user|> in data is text; in a prompt that a program wrote it is a token
            for text in parity.token_differences(probe.strings, original.encode[special], _reader(runtime, special=special))
        ]
        found = np.concatenate([runtime.logits(row.tolist()) for row in probe.rows])[probe.kept]
        missed = sum(not runtime.ends(token) for token in ENDS)
    return found, len(differ), missed


def _reader(runtime: Runtime, *, special: bool) -> Callable[[str], Sequence[int]]:
    return lambda text: runtime.tokenize(text, special=special)
