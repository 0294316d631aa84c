"""A model as folders that transformers reads, each loaded back and compared to the bit with what its weights say."""

import copy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import read_json, write_json, write_text
from pipeline.core.progress import progress
from pipeline.export import parity
from pipeline.export.architectures import refuse_own
from pipeline.export.folder_reader import ends_missed, strings_cut_otherwise
from pipeline.export.folders import FOLDERS, FolderType
from pipeline.export.papers import WEIGHTS, WHOLE, card, write_beside
from pipeline.export.probe import Probe, Probing, probe_of, torch_logits
from pipeline.export.rounding import filled
from pipeline.model.disk import load, tokenizer_digest

ROUNDED = (
    "The weights are the trained model's, rounded to bfloat16. Loaded back by transformers and computed in fp32, the logits on held-out "
    "rows are to the bit what these weights say, {kl:.2g} nats a token (KL) from the trained model's"
)


@dataclass(frozen=True, kw_only=True)
class Folder(Probing):
    """What is told of the model, and how hard it is checked."""

    types: Annotated[tuple[FolderType, ...], Field(min_length=1)]  # of the weights, one folder each
    name: str  # the model's name in its card
    data_license: str | None  # of the training data, as you state it: an identifier of the hub (mit, cc-by-4.0)


def export(
    source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Folder, section: str, bill: Mapping[str, str]
) -> dict[str, Any]:
    """Write the model's own files, load them as anybody would, compare; returns sizes and parity, also in parity.json.

    Nothing appears unless everything is equal; else PipelineError names each fault, or the kind that transformers does not know.
    """
    refuse_own(read_json(source.file("config.json"))["model_type"])
    probe = probe_of(source, tokens, split, settings)
    module = load(source, device="cpu")
    wanted = torch_logits(module, probe)
    whole = parity.perplexity(wanted, probe.targets)
    report: dict[str, Any] = {"fp32": {"perplexity": whole}}
    with target.writing() as draft:
        for kind in progress(dict.fromkeys(settings.types), "folders"):
            folder = draft.path / FOLDERS[kind]
            folder.mkdir()
            _write_weights(source.file(WEIGHTS), folder / WEIGHTS, kind)
            write_beside(folder, module, source, bill, settings.sampling, {"dtype": "bfloat16"} if kind == "bf16" else {})
            measured = _measure(folder, module, kind, probe, wanted)
            if faults := parity.faults(folder.name, measured, parity.EXACT if kind == "fp32" else parity.EQUAL):
                raise parity.refusal(faults, mend="export=[gguf]" if kind == "fp32" else f"{section}.types=[fp32]")
            of_folder = partial(card, module, source, tokens, bill, name=settings.name, data_license=settings.data_license)
            checked = WHOLE if kind == "fp32" else ROUNDED.format(kl=measured["kl"])
            write_text(folder / "README.md", of_folder(perplexity=measured["perplexity"], checked=checked))
            report[folder.name] = {"bytes": sum(path.stat().st_size for path in folder.iterdir())} | measured
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source), "types": []}
        if licenses := tokens.facts["train"].get("licenses"):  # of the text that the model was pretrained on
            draft.facts["licenses"] = licenses
    return report


def _write_weights(source: Path, target: Path, kind: FolderType) -> None:
    """The file as it is, or each of its tensors rounded to nearest."""
    if kind == "fp32":
        shutil.copyfile(source, target)
    else:
        save_file({name: tensor.bfloat16() for name, tensor in load_file(source).items()}, target, metadata={"format": "pt"})


def _measure(folder: Path, module: PreTrainedModel, kind: FolderType, probe: Probe, wanted: parity.Logits) -> dict[str, Any]:
    """The measures of a folder. The reader computes in fp32, so nothing but the rounding of weights lies between it and the model.

    ids_differ, ends_missed   as of every folder that transformers reads
    max_logit, mean_logit     against torch with the weights that the folder holds: 0
    kl, perplexity            against the fp32 model
    """
    reader = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found = torch_logits(reader, probe)
    meant = wanted if kind == "fp32" else torch_logits(_in_bf16(module), probe)
    measured = {"ids_differ": float(len(strings_cut_otherwise(folder, probe.strings))), "ends_missed": float(ends_missed(reader))}
    measured |= {"kl": parity.mean_kl(wanted, found)} | parity.compare(found, meant)
    return {"perplexity": parity.perplexity(found, probe.targets)} | measured


def _in_bf16(module: PreTrainedModel) -> PreTrainedModel:
    """The module with its weights rounded, computing in fp32."""
    rounded = {name: weight.bfloat16().float().numpy() for name, weight in module.state_dict().items()}
    return filled(copy.deepcopy(module), rounded)
