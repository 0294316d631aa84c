"""Readers that are not ours cut every code point as we do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from pipeline.core.artifact.model import Model
from pipeline.export.folder_reader import encoder
from pipeline.export.gguf_file import write_gguf
from pipeline.export.llama_runtime import Runtime
from pipeline.export.parity import token_differences
from pipeline.export.strings import every_code_point
from pipeline.model.disk import load

STRINGS = every_code_point(count=5000, seed=1)


@pytest.fixture(scope="module")
def source(model: Callable[..., Model]) -> Model:
    return model("qwen3")


def test_each_code_point_stands_in_one_string() -> None:
    assert len(STRINGS) == 5000
    assert set("".join(STRINGS)) == {chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000}


def test_llama_cpp_cuts_every_code_point_as_we_do(source: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(path, load(source, device="cpu"), source.path, kind="F16", name="tiny", keep_f16=(), products={}, notes={})
    with Runtime(path, context=8, threads=1) as runtime:
        assert token_differences(STRINGS, encoder(source.path, special=False), lambda text: runtime.tokenize(text, special=False)) == []


def test_transformers_cuts_every_code_point_as_we_do(source: Model) -> None:
    theirs = AutoTokenizer.from_pretrained(source.path)
    ours = encoder(source.path, special=True)
    assert token_differences(STRINGS, ours, lambda text: theirs(text, add_special_tokens=False, verbose=False)["input_ids"]) == []
