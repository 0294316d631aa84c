"""Models of other people: a folder as transformers writes it, with a tokenizer and a chat template of its own, and no manifest of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers
import torch
from jinja2 import TemplateError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel
from transformers.utils import logging

from pipeline.core.errors import InputError
from pipeline.model.shapes import kind_of
from pipeline.tokens.tokenizer import read

NEEDED = "config.json, tokenizer.json and safetensors"
MEND = f"the folder of a released model with {NEEDED}: hf download OWNER/NAME --revision COMMIT --local-dir data/candidates/NAME"


@dataclass(frozen=True)
class Theirs:
    """Their special tokens and chat format. Without a template a dialogue is its turns as lines of plain text."""

    folder: Path

    @cached_property
    def tokenizer(self) -> tokenizers.Tokenizer:
        """Of plain text: a special token in it is no more than its characters."""
        return read(self.folder / "tokenizer.json")

    @cached_property
    def _named(self) -> Any:
        return AutoTokenizer.from_pretrained(self.folder, local_files_only=True)  # type: ignore[no-untyped-call]

    @property
    def has_template(self) -> bool:
        """Whether it says how a dialogue is written."""
        return bool(self._named.chat_template)

    @property
    def start(self) -> list[int]:
        """BOS, or EOS where there is none, as in lm-evaluation-harness."""
        first = self._named.bos_token_id
        return [self.turn_ends[0] if first is None else int(first)]

    @cached_property
    def turn_ends(self) -> tuple[int, ...]:
        """What their settings of generation stop at, and EOS."""
        known = GenerationConfig.from_pretrained(self.folder).eos_token_id if (self.folder / "generation_config.json").is_file() else None
        listed = known if isinstance(known, list) else [known]
        ends = dict.fromkeys(int(one) for one in (self._named.eos_token_id, *listed) if one is not None)
        if not ends:
            raise InputError(f"{self.folder} names no token that ends a text", mend="eos_token in its tokenizer_config.json")
        return tuple(ends)

    @property
    def document_ends(self) -> tuple[int, ...]:
        """The same: they are not told apart."""
        return self.turn_ends

    def chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """By their template. InputError where it refuses these messages."""
        if not self.has_template:
            lines = "".join(f"{message['content'].strip()}\n" for message in messages)
            return [*self.start, *self.tokenizer.encode(lines, add_special_tokens=False).ids]
        try:
            found = self._named.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=False)
        except TemplateError as fault:
            raise InputError(f"the chat template of {self.folder} refuses a dialogue: {fault}", mend="tasks without chat") from fault
        return [int(one) for one in found]


def load_candidate(folder: Path, *, device: str) -> PreTrainedModel:
    """The language model, fp32, ready to read. InputError for what is missing, PipelineError for a type that is none of our kinds'."""
    if missing := [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]:
        raise InputError(f"{folder} has no {' and no '.join(missing)}", mend=MEND)
    kernel = kind_of(AutoConfig.from_pretrained(folder, local_files_only=True)).attention
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": kernel, "local_files_only": True, "output_loading_info": True}
    try:
        found: Any = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **options)
    except (OSError, RuntimeError, ValueError, SafetensorError) as fault:
        raise InputError(f"{folder} has no weights that can be read: {fault}", mend=MEND) from fault
    module: PreTrainedModel = found[0]
    if lacking := sorted(found[1]["missing_keys"]):  # transformers would draw them by lot
        raise InputError(f"{folder} lacks {len(lacking)} weights of its model, {lacking[0]} is one", mend=MEND)
    for weight in (*module.parameters(), *module.buffers()):
        weight.data = weight.data.clone()  # as in disk.py
    module.to(device).eval()  # type: ignore[arg-type]
    return module
