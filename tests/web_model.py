"""A tiny model over characters, in torch and as the page of the sandbox gets it."""

from typing import Any

import tokenizers
from transformers import PreTrainedModel

from pipeline.export.rounding import filled
from pipeline.export.web_file import check_of, content_of, weights_of
from pipeline.model.build import build
from pipeline.tokens.kinds import character
from tests.tiny_shape import SHAPE

TEXT = "the cat sat on a mat. é\n"
LESSONS = {"excerpt": TEXT * 4, "presets": ["the cat sa", "a mat. the"], "merges": ["Ġ t", "a t", "h e", "Ġt he"]}


def tokenizer_of(text: str) -> tokenizers.Tokenizer:
    return character.train([text], vocab_size=64)


def web_model(**shape: object) -> tuple[PreTrainedModel, dict[str, Any]]:
    """(the module with the weights that the file holds, the content of the file) of a model with fresh weights.

    They are sixteen times as large as they come, so that it is sure of what it says.
    """
    tokenizer = tokenizer_of(TEXT)
    module = build(SHAPE | shape, vocabulary=tokenizer.get_vocab_size(), seed=1)
    for weight in module.parameters():
        if weight.ndim == 2:
            weight.data *= 16
    content = content_of(module, tokenizer, {"model": "0"})
    module = filled(module, weights_of(content))
    return module, content | {"check": check_of(module, content, [TEXT])}
