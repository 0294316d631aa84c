"""A tiny model as a folder."""

from pathlib import Path

import tokenizers
from transformers import PreTrainedModel

from pipeline.core.artifact.model import Model
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.model import disk
from pipeline.tokens.tokenizer import FILES


def written(module: PreTrainedModel, folder: Path, tokenizer: tokenizers.Tokenizer) -> Model:
    """The model in folder/model, made with the tokenizer in folder/tokenizer."""
    made = Tokenizer(folder / "tokenizer")
    with made.writing() as draft:
        for name in FILES:
            (draft.path / name).write_text("{}")
        tokenizer.save(str(draft.path / "tokenizer.json"))
    target = Model(folder / "model")
    disk.save(module, target, tokenizer=made, facts={})
    return target
