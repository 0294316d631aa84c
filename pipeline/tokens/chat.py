"""Encode dialogues as ids and a loss mask: trained on are the assistant's tokens and the token that ends its turn."""

from collections.abc import Mapping, Sequence

import tokenizers

from pipeline.core.errors import InputError
from pipeline.tokens.special import ASSISTANT, END, ENDOFTEXT, IDS, ROLES

# For transformers and llama.cpp: renders what encode_chat encodes (compared by a test).
TEMPLATE = (
    "{{- bos_token -}}\n"
    "{%- for message in messages -%}\n"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}\n"
)


def encode_chat(
    messages: Sequence[Mapping[str, str]], tokenizer: tokenizers.Tokenizer, *, add_generation_prompt: bool
) -> tuple[list[int], list[bool]]:
    """The ids of a dialogue and, for each, whether it is trained on.

    `add_generation_prompt` appends `<|assistant|>`. InputError for an unknown role.
    """
    ids, mask = [IDS[ENDOFTEXT]], [False]
    for message in messages:
        if message["role"] not in ROLES:
            raise InputError(f"a message has the role {message['role']!r}", mend=f"use one of {', '.join(ROLES)}")
        words = tokenizer.encode(message["content"], add_special_tokens=False).ids
        spoken = message["role"] == "assistant"
        ids += [ROLES[message["role"]], *words, IDS[END]]
        mask += [False, *[spoken] * len(words), spoken]
    if add_generation_prompt:
        ids.append(IDS[ASSISTANT])
        mask.append(False)
    return ids, mask
