"""The file for the page of the sandbox says what the model says, or it is not released."""

from collections.abc import Callable
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
from pipeline.core.files import read_json
from pipeline.export import web_file
from pipeline.export.parity import WeightBounds
from pipeline.export.web_file import Web, ids_of
from pipeline.export.web_limits import bytes_of
from pipeline.model.build import build
from pipeline.model.disk import save
from pipeline.tokens.kinds import character
from pipeline.tokens.thinking import with_think_tokens
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.export.conftest import BILL, LENGTH
from tests.packed import write_tokens
from tests.tiny_shape import SHAPE

SETTINGS = Web(max_bytes=100_000, merges=40, excerpt=200, strings=100, rows=4, bounds=WeightBounds(row_error=3, kl=3), seed=1)
Export = Callable[..., dict[str, Any]]


def test_think_tokens_leave_a_vocabulary_of_characters_one() -> None:
    tokenizer = with_think_tokens(character.train(["the cat"], vocab_size=64))
    content = web_file.content_of(build(SHAPE, vocabulary=tokenizer.get_vocab_size(), seed=1), tokenizer, {})
    assert content["vocabulary"][-2:] == ["<think>", "</think>"]


@pytest.fixture(scope="module")
def characters(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    target = Tokenizer(tmp_path_factory.mktemp("characters") / "tokenizer")
    save_tokenizer(character.train(split.read("train")["text"].to_pylist(), vocab_size=128), target)
    return target


@pytest.fixture(scope="module")
def rows(split: Split, characters: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    target = Tokens(tmp_path_factory.mktemp("rows") / "tokenize")
    write_tokens(split, characters, target, length=LENGTH)
    return target


@pytest.fixture
def export(characters: Tokenizer, rows: Tokens, split: Split, target: Path, tmp_path: Path) -> Export:
    """export(kind=..., max_bytes=...) -> what is told of the file, which lies in `target`."""

    def run(settings: Web = SETTINGS, **shape: object) -> dict[str, Any]:
        module = build(SHAPE | shape, vocabulary=characters.facts["vocabulary"], seed=1)
        for weight in module.parameters():
            weight.data *= 4 if weight.ndim == 2 else 1
        source = Model(tmp_path / "ppo")
        save(module, source, tokenizer=characters, facts={})
        return web_file.export(source, Exports(target), tokens=rows, split=split, settings=settings, section="export.web", bill=BILL)

    return run


@pytest.mark.parametrize("shape", [{"kind": "llama"}, {"kind": "qwen3", "tie_embeddings": False}], ids=["llama", "qwen3"])
def test_the_file_read_back_is_the_model_as_far_as_rounding_goes(export: Export, target: Path, shape: dict[str, Any]) -> None:
    told = export(**shape)["web"]
    content, lessons = read_json(target / "model.json"), read_json(target / "lessons.json")
    assert told["ids_differ"] == 0
    assert 0 < told["kl"] <= 0.01
    assert told["bytes"] == (target / "model.json").stat().st_size <= 100_000
    assert content["scriptorium"] == BILL
    assert ids_of(content, "a☃") == [content["vocabulary"].index("a"), content["unknown"]]
    assert lessons["excerpt"].startswith("Book ")
    assert {len(preset) for preset in lessons["presets"]} == {10}
    assert 0 < len(lessons["merges"]) <= 40


def test_a_matrix_that_was_written_wrong_is_found_and_nothing_is_released(
    export: Export, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "model.layers.1.mlp.up_proj.weight"

    def damaged(path: Path) -> Any:
        content = read_json(path)
        if path.name == "model.json":
            content["matrices"][name]["codes"] = content["matrices"]["model.layers.0.mlp.up_proj.weight"]["codes"]
        return content

    monkeypatch.setattr(web_file, "read_json", damaged)
    with pytest.raises(PipelineError, match=rf"row_error of {name}"):
        export()
    assert not target.exists()


def test_a_model_that_takes_too_many_bytes_is_refused_with_a_choice_that_fits(export: Export, target: Path) -> None:
    with pytest.raises(PipelineError, match=r"export\.web\.max_bytes allows 9,000") as fault:
        export(replace(SETTINGS, max_bytes=9000))
    assert fault.value.mend.startswith("experiment=sandbox, or ")
    assert not target.exists()


@pytest.mark.parametrize(
    ("shape", "said"),
    [({"kind": "mistral", "window": 8}, "not of kind mistral"), ({"kind": "llama", "activation": "gelu"}, "knows the activation silu")],
)
def test_a_model_that_the_page_can_not_run_is_refused_by_name(export: Export, shape: dict[str, Any], said: str) -> None:
    with pytest.raises(PipelineError, match=said):
        export(**shape)


def test_a_tokenizer_of_pieces_is_refused(model: Callable[..., Model], tokens: Tokens, split: Split, target: Path) -> None:
    with pytest.raises(PipelineError, match="reads characters"):
        web_file.export(model("llama"), Exports(target), tokens=tokens, split=split, settings=SETTINGS, section="export.web", bill=BILL)


def test_the_bytes_that_the_plan_reckons_are_those_of_the_matrices(export: Export, target: Path) -> None:
    told = export(kind="llama", tie_embeddings=False)["web"]["bytes"]
    content = read_json(target / "model.json")
    words = {"layers": 2, "hidden_size": 32, "groups": 16, "inner": 64, "vocabulary": len(content["vocabulary"]), "tied": False}
    matrices = sum(len(one["codes"]) + len(one["scales"]) for one in content["matrices"].values())
    assert bytes_of(**words) == pytest.approx(matrices, rel=0.01)
    assert bytes_of(**words) < told
