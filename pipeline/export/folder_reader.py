"""A second opinion on a folder: transformers, which reads it as anybody would."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GenerationMixin, LogitsProcessor, LogitsProcessorList

from pipeline.export import parity
from pipeline.export.probe import encoder
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.special import ENDS, IDS, USER
from pipeline.tokens.tokenizer import read

_CHAT = (
    {"role": "system", "content": "You are kind."},
    {"role": "user", "content": "Who are you?\n\nSay."},
    {"role": "assistant", "content": "A small model."},
    {"role": "user", "content": " And now? "},
)


def strings_cut_otherwise(folder: Path, strings: Sequence[str]) -> list[str]:
    """The strings that transformers cuts otherwise than our tokenizer, and "the chat template" where it writes a dialogue otherwise."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ours = encoder(folder, special=True)
    differ = parity.token_differences(strings, ours, lambda text: tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    chat = tokenizer.apply_chat_template(list(_CHAT), add_generation_prompt=True, return_dict=False)
    wanted = encode_chat(_CHAT, read(folder / "tokenizer.json"), add_generation_prompt=True)[0]
    return differ + ["the chat template"] * (list(chat) != wanted)


def ends_missed(module: GenerationMixin) -> int:
    """How many of the tokens that end an answer transformers' generation does not stop at."""
    return sum(_written(module, end) != 2 for end in ENDS)


class _Says(LogitsProcessor):
    """The second token that is written, and every later one, is this."""

    def __init__(self, token: int, *, after: int) -> None:
        self._token, self._after = token, after

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token = self._token if input_ids.shape[1] > self._after else IDS[USER]
        return torch.full_like(scores, -torch.inf).index_fill(1, torch.tensor([token]), 0.0)


def _written(module: Any, token: int) -> int:
    """Tokens that generation writes, of at most four, where the second one is this."""
    prompt = torch.tensor([[IDS[USER]]])
    says = LogitsProcessorList([_Says(token, after=prompt.shape[1])])
    greedy = {"do_sample": False, "temperature": None, "top_p": None}
    whole = module.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=4, logits_processor=says, **greedy)
    return int(whole.shape[1] - prompt.shape[1])
