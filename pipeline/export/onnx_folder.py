"""A model as ONNX files, each loaded back by ONNX Runtime, by OpenVINO too if asked, and compared before it is released.

The folder is laid out as transformers.js reads one: configuration and tokenizer, and below onnx/ a file a type.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import write_json
from pipeline.core.owned import remove_file
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.architectures import refuse_graph
from pipeline.export.folder_reader import strings_cut_otherwise
from pipeline.export.gptq import in_8_bits, quantize, steering_products
from pipeline.export.onnx_graph import BLOCK, Held, graph_of
from pipeline.export.onnx_names import FILES, FOLDER, OnnxType
from pipeline.export.onnx_session import Reader, Session
from pipeline.export.openvino_reader import OpenVino
from pipeline.export.papers import notes_of, write_beside
from pipeline.export.parity import Fault, Limit, Times
from pipeline.export.probe import Probe, Probing, calibration_rows, probe_of, torch_logits
from pipeline.export.release import OnFailure, dropped
from pipeline.model.disk import load, tokenizer_digest

_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "lm_head.weight")
_FULL = ("wpe.weight", "mlp.gate.weight")  # positions, and routers: they are small
Products = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How far a file may be off, in multiples of what rounding alone makes."""

    mean_logit: Times  # mean |difference of logits| between the runtime and the file's own weights in torch
    kl: Times  # mean KL divergence from the fp32 model


@dataclass(frozen=True, kw_only=True)
class Onnx(Probing):
    """What is written and how hard it is checked."""

    types: tuple[OnnxType, ...]
    calibration_rows: NonNegativeInt  # rows of the training part that steer the rounding of q4; 0: to nearest
    threads: PositiveInt  # of ONNX Runtime and OpenVINO
    openvino: bool  # whether OpenVINO reads each file too
    bounds: Bounds
    on_failure: OnFailure


@dataclass(frozen=True)
class Piece:
    """A matrix of a module that can be held in few bits, by the graph's name; several lie in one tensor of experts."""

    name: str
    key: str  # of the state
    where: tuple[int | slice, ...] = ()
    turned: bool = False  # the state has [I, O]

    def of(self, state: Mapping[str, Tensor]) -> Tensor:
        """Its view [O, I] of the state: what is written into it changes the state."""
        view = state[self.key][self.where] if self.where else state[self.key]
        return view.T if self.turned else view


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Onnx, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the source as one ONNX file a type; returns sizes and parity, also in parity.json.

    Only files that, loaded back, keep their bounds are released; release.dropped tells the others. Raises PipelineError for a kind of
    model that has no graph here.
    """
    module = load(source, device="cpu")
    refuse_graph(module.config.model_type)
    probe = probe_of(source, tokens, split, settings)
    steered = {"q4"} & set(settings.types) if settings.calibration_rows else set()
    layers = _layers(module) if steered else []
    rows = calibration_rows(source, tokens, settings.calibration_rows if steered else 0)
    products = steering_products(module, rows, layers, seed=settings.seed)
    wanted = torch_logits(module, probe)
    report: dict[str, Any] = {"fp32": {"perplexity": parity.perplexity(wanted, probe.targets)}}
    wrong: dict[str, list[Fault]] = {}
    notes = notes_of(bill)
    with target.writing() as draft:
        (draft.path / FOLDER).mkdir()
        write_beside(draft.path, module, source, bill, settings.sampling, {})
        differ = len(strings_cut_otherwise(draft.path, probe.strings))
        for kind in progress(settings.types, "files"):
            path = draft.path / FILES[kind]
            held = _held(module, kind, products)
            path.write_bytes(graph_of(module, held, notes=notes).SerializeToString(deterministic=True))
            found: dict[str, Any] = {"bytes": path.stat().st_size, "ids_differ": float(differ)}
            found |= _measure(path, module, probe, wanted, held, _held(module, kind, {}), settings)
            if faults := parity.faults(path.name, found, _limits(found, settings.bounds)):
                wrong[kind] = faults
                remove_file(path)
            else:
                report[f"onnx {kind}"] = found
        report["dropped"] = dropped(
            wrong, settings.types, steered=steered, section=section, on_failure=settings.on_failure, instead="export=[transformers]"
        )
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source)}
        draft.facts["types"] = [kind for kind in settings.types if kind not in wrong]
        write_json(draft.path / "parity.json", report)
    return report


def pieces(module: PreTrainedModel) -> Iterator[Piece]:
    """The matrices that few bits can hold: rows that blocks fit, no router, no positions; a tied head is the embedding."""
    state = module.state_dict()
    turned = {f"{name}.weight" for name, layer in module.named_modules() if isinstance(layer, Conv1D)}
    for key, tensor in state.items():
        if key.endswith(".experts.gate_up_proj") or key.endswith(".experts.down_proj"):
            yield from (piece for piece in _of_experts(key, tensor) if not piece.of(state).shape[1] % BLOCK)
        elif tensor.ndim == 2 and not key.endswith(_FULL) and not (key == "lm_head.weight" and module.config.tie_word_embeddings):
            piece = Piece(key, key, turned=key in turned)
            if not piece.of(state).shape[1] % BLOCK:
                yield piece


def _of_experts(key: str, tensor: Tensor) -> Iterator[Piece]:
    at, part = key.rsplit(".", 1)
    for number in range(len(tensor)):
        if part == "down_proj":
            yield Piece(f"{at}.{number}.down.weight", key, (number,))
        else:
            half = tensor.shape[1] // 2
            yield Piece(f"{at}.{number}.gate.weight", key, (number, slice(0, half)))
            yield Piece(f"{at}.{number}.up.weight", key, (number, slice(half, None)))


def _layers(module: PreTrainedModel) -> list[str]:
    """The layers whose inputs steer the rounding: all in 4 bits that are layers of their own, which experts are not."""
    return [piece.name.removesuffix(".weight") for piece in pieces(module) if not piece.where and not piece.name.endswith(_EMBEDDINGS)]


def _held(module: PreTrainedModel, kind: OnnxType, products: Products) -> dict[str, Held]:
    """The module's matrices in few bits: in q4 embedding and head have 8, which saves most of the loss of a small model."""
    state, held = module.state_dict(), {}
    for piece in pieces(module) if kind != "fp32" else ():
        weight = piece.of(state).numpy()
        if kind == "q8" or piece.name.endswith(_EMBEDDINGS):
            held[piece.name] = Held(in_8_bits(weight, group_size=BLOCK), 8)
        else:
            inputs = products.get(piece.name.removesuffix(".weight"), np.zeros((weight.shape[1],) * 2))
            held[piece.name] = Held(quantize(weight, inputs), 4)
    return held


def _filled(module: PreTrainedModel, held: Mapping[str, Held]) -> PreTrainedModel:
    """A copy of the module with the weights that the codes stand for."""
    other = copy.deepcopy(module)
    state = other.state_dict()
    with torch.no_grad():
        for piece in pieces(other):
            if piece.name in held:
                piece.of(state).copy_(torch.from_numpy(held[piece.name].codes.weights()))
    return other


def _measure(
    path: Path,
    module: PreTrainedModel,
    probe: Probe,
    wanted: parity.Logits,
    held: Mapping[str, Held],
    nearest: Mapping[str, Held],
    settings: Onnx,
) -> dict[str, Any]:
    """The measures of a file, and under `rounding` what mean_logit and kl would be if nothing but rounding came between.

    mean_logit, max_logit, argmax   ONNX Runtime against torch with the file's own weights; rounding: torch in fp32 against fp64
    kl, perplexity                  ONNX Runtime against the fp32 model; rounding: weights to nearest
    openvino_mean_logit             OpenVINO against torch with the file's own weights
    """
    session = Session(path, threads=settings.threads)
    found = _read(session, probe)
    own = _filled(module, held)
    meant = torch_logits(own, probe)
    exact = torch_logits(own.double(), probe)
    rounding = {"mean_logit": parity.compare(meant, exact)["mean_logit"]}
    if held:
        rounding["kl"] = parity.mean_kl(wanted, torch_logits(_filled(module, nearest), probe))
    measured: dict[str, Any] = {"rounding": rounding} | parity.compare(found, meant)
    if settings.openvino:
        other = parity.compare(_read(OpenVino(path, threads=settings.threads), probe), meant)
        measured["openvino_mean_logit"] = other["mean_logit"]
    return measured | {"kl": parity.mean_kl(wanted, found), "perplexity": parity.perplexity(found, probe.targets)}


def _read(reader: Reader, probe: Probe) -> parity.Logits:
    """What a reader says at the places of the probe."""
    return np.concatenate([reader.logits(row) for row in probe.rows])[probe.kept]


def _limits(found: Mapping[str, Any], bounds: Bounds) -> list[Limit]:
    """What the measures of a file may be: the same of either reader."""
    rounding = found["rounding"]
    near = {"rounding": rounding["mean_logit"], "times": bounds.mean_logit, "key": "bounds.mean_logit"}
    limits = [Limit(measure="ids_differ"), Limit(measure="mean_logit", **near)]
    if "openvino_mean_logit" in found:
        limits.append(Limit(measure="openvino_mean_logit", **near, without="openvino=false"))
    if "kl" in rounding:
        limits.append(Limit(measure="kl", rounding=rounding["kl"], times=bounds.kl, key="bounds.kl"))
    return limits
