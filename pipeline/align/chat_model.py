"""Any chat model in transformers' format as a judge: a folder with weights, a tokenizer and its chat template. Nothing is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel
from transformers.utils import logging

from pipeline.core.errors import InputError

MEND = "a folder with config.json, safetensors, a tokenizer and its chat template"


@dataclass(frozen=True)
class ChatModel:
    """It answers greedily, so that a run repeats."""

    module: PreTrainedModel
    tokenizer: Any
    max_new_tokens: int
    batch: int  # prompts at once

    @torch.no_grad()
    def said(self, asked: Sequence[str]) -> list[str]:
        """Its answer to each, as the user's only message."""
        texts = [self._rendered(text) for text in asked]
        answers = [""] * len(texts)
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), self.batch):
            numbers = order[start : start + self.batch]
            read = self.tokenizer([texts[number] for number in numbers], return_tensors="pt", padding=True, add_special_tokens=False)
            greedy = GenerationConfig(
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.module.generation_config.eos_token_id or self.tokenizer.eos_token_id,  # type: ignore[union-attr]
            )
            kept = {name: read[name].to(self.module.device) for name in ("input_ids", "attention_mask")}
            found = self.module.generate(**kept, generation_config=greedy)  # type: ignore[operator]
            for number, ids in zip(numbers, found[:, kept["input_ids"].shape[1] :], strict=True):
                answers[number] = self.tokenizer.decode(ids, skip_special_tokens=True).strip()
        return answers

    def _rendered(self, text: str) -> str:
        messages = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def open_chat(folder: Path, *, key: str, device: str, max_new_tokens: int, batch: int) -> ChatModel:
    """The model in the folder, in the precision that it was saved in. InputError, which begins with `key`, where there is none."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{key} is {folder}, which has no config.json", mend=f"{key}=DIR, {MEND}")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")  # type: ignore[no-untyped-call]
    if not getattr(tokenizer, "chat_template", None):
        raise InputError(f"{key} is {folder}, whose tokenizer has no chat template: it is no chat model", mend=f"{key}=DIR, {MEND}")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    module: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype="auto")
    return ChatModel(module.to(device).eval(), tokenizer, max_new_tokens, batch)  # type: ignore[arg-type]
