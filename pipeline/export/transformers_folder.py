"""A model as a folder that transformers reads, loaded back and compared to the bit."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import read_json, write_json, write_text
from pipeline.export import parity
from pipeline.export.architectures import refuse_own
from pipeline.export.folder_reader import ends_missed, strings_cut_otherwise
from pipeline.export.papers import WEIGHTS, card, write_beside
from pipeline.export.probe import Probing, probe_of, torch_logits
from pipeline.model.disk import load, tokenizer_digest

FOLDER = "safetensors"


@dataclass(frozen=True, kw_only=True)
class Folder(Probing):
    """What is told of the model, and how hard it is checked."""

    name: str  # the model's name in its card
    data_license: str | None  # of the training data, as you state it: an identifier of the hub (mit, cc-by-4.0)


def export(source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Folder, bill: Mapping[str, str]) -> dict[str, Any]:
    """Copy the model's own files, load them as anybody would, compare; returns sizes and parity, also in parity.json.

    Nothing appears unless everything is equal; else PipelineError names each fault, or the kind that transformers does not know.
    """
    refuse_own(read_json(source.file("config.json"))["model_type"])
    probe = probe_of(source, tokens, split, settings)
    module = load(source, device="cpu")
    wanted = torch_logits(module, probe)
    with target.writing() as draft:
        folder = draft.path / FOLDER
        folder.mkdir()
        shutil.copyfile(source.file(WEIGHTS), folder / WEIGHTS)
        write_beside(folder, module, source, bill, settings.sampling, {})
        reader = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        found = torch_logits(reader, probe)
        differ, missed = strings_cut_otherwise(folder, probe.strings), ends_missed(reader)
        measured = {"ids_differ": float(len(differ)), "ends_missed": float(missed)}
        measured |= {"kl": parity.mean_kl(wanted, found)} | parity.compare(found, wanted)
        if faults := parity.faults(FOLDER, measured, parity.EXACT):
            raise parity.refusal(faults, mend="export=[gguf]")
        whole, back = (parity.perplexity(logits, probe.targets) for logits in (wanted, found))
        text = card(module, source, tokens, bill, name=settings.name, data_license=settings.data_license, perplexity=whole)
        write_text(folder / "README.md", text)
        size = sum(path.stat().st_size for path in folder.iterdir())
        report = {"fp32": {"perplexity": whole}, FOLDER: {"bytes": size, "perplexity": back} | measured}
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source), "types": []}
        if licenses := tokens.facts["train"].get("licenses"):  # of the text that the model was pretrained on
            draft.facts["licenses"] = licenses
    return report
