"""A model as a folder that transformers reads, loaded back and compared to the bit."""

import shutil
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.files import read_json, write_json
from pipeline.export import parity
from pipeline.export.architectures import refuse_own
from pipeline.export.probe import Probing, encoder, probe_of, torch_logits
from pipeline.model.disk import load, tokenizer_digest, tokenizer_of
from pipeline.tokens.chat import encode_chat

FOLDER = "safetensors"
_CHAT = (
    {"role": "system", "content": "You are kind."},
    {"role": "user", "content": "Who are you?\n\nSay."},
    {"role": "assistant", "content": "A small model."},
    {"role": "user", "content": " And now? "},
)


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
        for name in source.own_files:
            shutil.copyfile(source.file(name), folder / name)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ours = encoder(folder, special=True)
        differ = parity.token_differences(probe.strings, ours, lambda text: tokenizer(text, add_special_tokens=False)["input_ids"])
        chat = tokenizer.apply_chat_template(list(_CHAT), add_generation_prompt=True, return_dict=False)
        differ += ["the chat template"] * (list(chat) != encode_chat(_CHAT, tokenizer_of(source), add_generation_prompt=True)[0])
        found = torch_logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), probe)
        measured = {"ids_differ": float(len(differ)), "kl": parity.mean_kl(wanted, found)} | parity.compare(found, wanted)
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
