"""Tokenizers in GGUF: llama.cpp cuts as ours does, or the kind is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.export import gguf_files, transformers_folder
from pipeline.export.gguf_files import Gguf
from pipeline.export.vocabularies import check_kind
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.tokens.kinds import bpe, byte, wordpiece
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.export.conftest import AT, BILL, FOLDER, LENGTH, SHAPE
from tests.packed import write_tokens

WAYS = {
    "gpt4": lambda texts: bpe.train(texts, vocab_size=320, pattern="gpt4"),
    "byte": lambda texts: byte.train(texts, vocab_size=262),
    "wordpiece": lambda texts: wordpiece.train(texts, vocab_size=320, pattern="gpt2", fewer=True),
}


def exported(way: str, split: Split, settings: Gguf, folder: Path, export: Any) -> Any:
    codec = WAYS[way](split.read("train")["text"].to_pylist())
    tokenizer, tokens, model = Tokenizer(folder / "tokenizer"), Tokens(folder / "tokenize"), Model(folder / "ppo")
    save_tokenizer(codec, tokenizer)
    write_tokens(split, tokenizer, tokens, length=LENGTH)
    save(build(SHAPE | {"kind": "qwen3"}, vocabulary=codec.get_vocab_size(), seed=1), model, tokenizer=tokenizer, facts={})
    return export(model, Exports(folder / "data" / "export"), tokens=tokens, split=split, settings=settings)


def gguf(model: Model, target: Exports, *, settings: Gguf, **data: Any) -> Any:
    return gguf_files.export(
        model, target, settings=replace(settings, types=("F16",), strings=1000), section="export.gguf", bill=BILL, **data
    )


def folder(model: Model, target: Exports, *, settings: Gguf, **data: Any) -> Any:
    return transformers_folder.export(model, target, settings=FOLDER, section=AT, bill=BILL, **data)


def test_llama_cpp_cuts_as_the_pattern_of_gpt4_does(split: Split, settings: Gguf, tmp_path: Path) -> None:
    report = exported("gpt4", split, settings, tmp_path, gguf)
    assert report["F16"]["ids_differ"] == 0
    assert report["dropped"] == {}


@pytest.mark.parametrize("way", ["byte", "wordpiece"])
def test_another_tokenizer_is_refused_and_goes_into_a_folder(way: str, split: Split, settings: Gguf, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no byte-level BPE"):
        exported(way, split, settings, tmp_path / "gguf", gguf)
    with pytest.raises(PipelineError, match="bpe has"):
        check_kind(way)
    assert exported(way, split, settings, tmp_path / "folder", folder)["safetensors"]["ids_differ"] == 0
