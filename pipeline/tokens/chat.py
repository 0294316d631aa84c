"""Encode dialogues as ids and a loss mask: trained on are the assistant's tokens, thoughts included, and the token that ends its turn."""

from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers

from pipeline.core.errors import InputError
from pipeline.tokens.special import ASSISTANT, END, ENDOFTEXT, IDS, ROLES, THINK, THINK_END
from pipeline.tokens.thinking import think_ids

REASONING = "reasoning_content"  # of an assistant's message: what it thinks before; "": it answers at once, as one that can think

# For transformers and llama.cpp: renders what encode_chat encodes (compared by a test).
TEMPLATE = (
    "{{- bos_token -}}\n"
    "{%- for message in messages -%}\n"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}\n"
)
_SPOKEN = "message['content']"
_THINKS = f"message['{REASONING}'] is string and message['role'] == 'assistant'"
_THOUGHT = f"('{THINK}' + message['{REASONING}'] + '{THINK_END}' if {_THINKS} else '')"
THINKING_TEMPLATE = TEMPLATE.replace(_SPOKEN, f"{_THOUGHT} + {_SPOKEN}")  # of a vocabulary with the two tokens
TEMPLATES = (TEMPLATE, THINKING_TEMPLATE)


def template_of(tokenizer: tokenizers.Tokenizer) -> str:
    """The chat template that renders as encode_chat encodes."""
    return TEMPLATE if think_ids(tokenizer) is None else THINKING_TEMPLATE


def encode_chat(
    messages: Sequence[Mapping[str, str]], tokenizer: tokenizers.Tokenizer, *, add_generation_prompt: bool
) -> tuple[list[int], list[bool]]:
    """The ids of a dialogue and, for each, whether it is trained on.

    `add_generation_prompt` appends `<|assistant|>`. The thoughts of an assistant's message, where it has some, stand between `<think>` and
    `</think>` before its words, and all of that is trained on. InputError for an unknown role, and for thoughts without the two tokens.
    """
    ids, mask = [IDS[ENDOFTEXT]], [False]
    for message in messages:
        if message["role"] not in ROLES:
            raise InputError(f"a message has the role {message['role']!r}", mend=f"use one of {', '.join(ROLES)}")
        spoken, said = message["role"] == "assistant", encode_message(message, tokenizer)
        ids += [ROLES[message["role"]], *said]
        mask += [False, *[spoken] * len(said)]
    if add_generation_prompt:
        ids.append(IDS[ASSISTANT])
        mask.append(False)
    return ids, mask


def encode_message(message: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> list[int]:
    """The ids of a message behind its role: the thoughts of an assistant, the words, `<|end|>`."""
    return [*_thoughts(message, tokenizer), *tokenizer.encode(message["content"], add_special_tokens=False).ids, IDS[END]]


def _thoughts(message: Mapping[str, Any], tokenizer: tokenizers.Tokenizer) -> list[int]:
    """What stands before the words; nothing in a message without thoughts, or of another role than the assistant."""
    if message.get(REASONING) is None or message["role"] != "assistant":
        return []
    if (around := think_ids(tokenizer)) is None:
        raise InputError(f"a message has {REASONING}, and the tokenizer has no {THINK}", mend="tokenizer.think_tokens=true")
    first, last = around
    return [first, *tokenizer.encode(message[REASONING], add_special_tokens=False).ids, last]
