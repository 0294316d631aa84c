"""A model as a folder that transformers reads, loaded back and compared to the bit."""

import shutil
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import read_json, write_json
from pipeline.export import parity
from pipeline.export.architectures import refuse_own
from pipeline.export.folder_reader import ends_missed, strings_cut_otherwise
from pipeline.export.probe import Probing, probe_of, torch_logits
from pipeline.model.disk import load, tokenizer_digest

FOLDER = "safetensors"


def export(source: Model, target: Exports, *, tokens: Tokens, split: Split, settings: Probing) -> dict[str, Any]:
    """Copy the model's own files, load them as anybody would, compare; returns sizes and parity, also in parity.json.

    Nothing appears unless everything is equal; else PipelineError names each fault, or the kind that transformers does not know.
    """
    refuse_own(read_json(source.file("config.json"))["model_type"])
    probe = probe_of(source, tokens, split, settings)
    wanted = torch_logits(load(source, device="cpu"), probe)
    with target.writing() as draft:
        folder = draft.path / FOLDER
        folder.mkdir()
        for name in source.manifest.files:
            shutil.copyfile(source.file(name), folder / name)
        reader = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        found = torch_logits(reader, probe)
        differ, missed = strings_cut_otherwise(folder, probe.strings), ends_missed(reader)
        measured = {"ids_differ": float(len(differ)), "ends_missed": float(missed)}
        measured |= {"kl": parity.mean_kl(wanted, found)} | parity.compare(found, wanted)
        if faults := parity.faults(FOLDER, measured, parity.EXACT):
            raise parity.refusal(faults, mend="export=[gguf]")
        size = sum(path.stat().st_size for path in folder.iterdir())
        whole, back = (parity.perplexity(logits, probe.targets) for logits in (wanted, found))
        report = {"fp32": {"perplexity": whole}, FOLDER: {"bytes": size, "perplexity": back} | measured}
        write_json(draft.path / "parity.json", report)
        draft.facts |= {"source": source.path.name, "model": source.digest, "tokenizer": tokenizer_digest(source), "types": []}
        if licenses := tokens.facts["train"].get("licenses"):  # of the text that the model was pretrained on
            draft.facts["licenses"] = licenses
    return report
