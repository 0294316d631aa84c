"""What leaves the house is the model, or nothing leaves."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import PARTS, Split
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.manifest import NAME
from pipeline.export import gguf_files, gptq, transformers_folder
from pipeline.export.folders import FOLDERS
from pipeline.export.gguf_file import read_gguf, write_gguf
from pipeline.export.gguf_files import Gguf
from pipeline.export.gguf_types import FileType
from pipeline.export.llama_runtime import Runtime
from pipeline.export.papers import WEIGHTS
from pipeline.model.disk import load
from pipeline.model.generate import generate
from stages.export import gguf as stage
from tests.export.conftest import AT, BILL, FOLDER, SIZE
from tests.packed import write_tokens

Make = Callable[..., Model]


def released(source: Model, target: Path, tokens: Tokens, split: Split, settings: Gguf) -> dict[str, Any]:
    return gguf_files.export(source, Exports(target), tokens=tokens, split=split, settings=settings, section="export.gguf", bill=BILL)


@pytest.mark.parametrize(
    ("kind", "own"),
    [("qwen3", {}), ("qwen3", {"tie_embeddings": False}), ("llama", {}), ("mistral", {"window": None})],
)
def test_every_file_says_what_the_model_says(
    kind: str, own: dict[str, Any], model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    source = model(kind, **own)
    report = released(source, target, tokens, split, settings)
    folder = transformers_folder.export(
        source,
        Exports(target.parent / "transformers"),
        tokens=tokens,
        split=split,
        settings=FOLDER,
        section=AT,
        bill=BILL,
    )
    assert [report[name]["ids_differ"] for name in ("F16", "Q8_0", "Q4_0")] == [0, 0, 0]
    assert (folder["safetensors"]["ids_differ"], folder["safetensors"]["max_logit"], folder["safetensors"]["kl"]) == (0, 0, 0)
    assert report["dropped"] == {}
    assert (report["F16"]["row_error"], report["Q8_0"]["row_error"]) == (1, 1), "both round to nearest"
    assert report["F16"]["bytes"] > report["Q8_0"]["bytes"] > report["Q4_0"]["bytes"]
    assert json.loads(Exports(target).file("parity.json").read_text()) == report


def test_the_folder_says_which_licenses_went_into_training(
    model: Make, tokens: Tokens, split: Split, tokenizer: Tokenizer, settings: Gguf, target: Path
) -> None:
    def facts(tokens: Tokens, name: str) -> dict[str, Any]:
        folder = Exports(target.parent / name)
        transformers_folder.export(model("qwen3"), folder, tokens=tokens, split=split, settings=FOLDER, section=AT, bill=BILL)
        return folder.facts

    parts = {part: split.read(part) for part in PARTS}
    licensed = {part: table.append_column("license", pa.array(["MIT"] * table.num_rows)) for part, table in parts.items()}
    (other := Split(target.parent / "licensed")).write(licensed, sides={})
    write_tokens(other, tokenizer, mine := Tokens(target.parent / "tokens"), length=tokens.facts["length"])
    assert facts(mine, "b")["licenses"] == {"MIT": {kind: mine.facts["train"][kind] for kind in ("documents", "bytes", "tokens")}}
    assert "licenses" not in facts(tokens, "c")


def test_the_folder_opens_in_transformers(model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path) -> None:
    source = model("qwen3")
    transformers_folder.export(source, Exports(target), tokens=tokens, split=split, settings=FOLDER, section=AT, bill=BILL)
    folder = target / "safetensors"
    assert not (folder / NAME).exists()
    assert AutoTokenizer.from_pretrained(folder).encode("<|user|>", add_special_tokens=False) == [3]
    theirs = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in load(source, device="cpu").state_dict().items())


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("qwen3", {}),
        ("gpt2", {"kv_heads": 4, "activation": "gelu"}),
        ("mixtral", {"experts": 4, "experts_per_token": 2, "balance_loss": 0.0}),
    ],
)
def test_the_folder_in_bf16_says_to_the_bit_what_its_weights_say_at_half_the_bytes(
    kind: str, own: dict[str, Any], model: Make, tokens: Tokens, split: Split, target: Path
) -> None:
    source, words = model(kind, **own), replace(FOLDER, types=("fp32", "bf16"), strings=20)
    report = transformers_folder.export(source, Exports(target), tokens=tokens, split=split, settings=words, section=AT, bill=BILL)
    assert report["safetensors"]["kl"] == report["safetensors-bf16"]["max_logit"] == 0 < report["safetensors-bf16"]["kl"]
    assert (target / "safetensors-bf16" / WEIGHTS).stat().st_size < 0.55 * (target / "safetensors" / WEIGHTS).stat().st_size
    as_it_is = AutoModelForCausalLM.from_pretrained(target / "safetensors-bf16").state_dict()
    cards = [(target / folder / "README.md").read_text() for folder in FOLDERS.values()]
    assert "are the trained model's to the bit" in cards[0]
    assert "rounded to bfloat16" in cards[1]
    assert f"perplexity there {report['safetensors-bf16']['perplexity']:.4g}" in cards[1]
    whole = load(source, device="cpu").state_dict()
    assert all(torch.equal(weight.bfloat16(), as_it_is[name]) for name, weight in whole.items())


def test_a_folder_in_bf16_that_holds_other_weights_is_refused(
    model: Make, tokens: Tokens, split: Split, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled = {name: weight * 1.01 for name, weight in load_file(model("qwen3").file(WEIGHTS)).items()}
    monkeypatch.setattr(transformers_folder, "load_file", lambda _: spoiled)
    words = replace(FOLDER, types=("bf16",), strings=20)
    with pytest.raises(PipelineError, match="safetensors-bf16: max_logit") as fault:
        transformers_folder.export(model("qwen3"), Exports(target), tokens=tokens, split=split, settings=words, section=AT, bill=BILL)
    assert not target.exists()
    assert fault.value.mend == "export.transformers.types=[fp32]"


def test_the_files_have_the_same_bytes_wherever_they_are_written(
    model: Make, tokens: Tokens, split: Split, settings: Gguf, tmp_path: Path
) -> None:
    source, one, other = model("qwen3"), Exports(tmp_path / "a" / "export"), Exports(tmp_path / "another" / "export")
    for target in (one, other):
        released(source, target.path, tokens, split, settings)
    assert one.digest == other.digest
    assert all(str(tmp_path).encode() not in path.read_bytes() for path in one.path.rglob("*") if path.is_file())


@pytest.mark.parametrize(("tied", "embeddings"), [(True, 1), (False, 2)])
def test_a_precise_matrix_stays_wide_and_the_embeddings_never_have_4_bits(
    tied: bool, embeddings: int, model: Make, tokens: Tokens, split: Split, settings: Gguf, tmp_path: Path
) -> None:
    source = model("qwen3", tie_embeddings=tied)
    layers = 2
    plain, precise = (
        released(source, tmp_path / str(len(wide)) / "export", tokens, split, replace(settings, keep_f16=wide))["Q4_0"]["tensors"]
        for wide in ((), ("output", "ffn_down"))
    )
    assert (plain["Q8_0"], plain.get("F16", 0)) == (embeddings, 0)
    assert (precise.get("Q8_0", 0), precise["F16"]) == (embeddings - 1, layers + 1)


def test_rows_to_calibrate_on_bring_4_bits_nearer_to_the_model(
    model: Make, tokens: Tokens, split: Split, settings: Gguf, tmp_path: Path
) -> None:
    source = model("qwen3")
    blind, guided = (
        released(
            source,
            tmp_path / str(rows) / "export",
            tokens,
            split,
            replace(settings, types=("Q4_0",), keep_f16=("output",), calibration_rows=rows),
        )["Q4_0"]["kl"]
        for rows in (0, 8)
    )
    assert guided < 0.8 * blind, (guided, blind)


@pytest.fixture
def some_rows_are_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """As GPTQ alone leaves them, without the descent that follows it."""
    monkeypatch.setattr(gptq, "_SWEEPS", 0)


@pytest.mark.usefixtures("some_rows_are_worse")
def test_a_file_beyond_its_bounds_is_dropped_alone_and_told_with_the_ways_out(
    model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    strict = replace(settings, bounds=replace(settings.bounds, row_error=1.0))
    report = released(model("qwen3"), target, tokens, split, strict)
    assert set(report) == {"fp32", "F16", "Q8_0", "dropped"}
    (fault,) = report["dropped"]["Q4_0"]["faults"]
    allowed = r"rounding alone makes 1, allowed is 1 times as much \(bounds\.row_error\)"
    assert re.fullmatch(rf"model-Q4_0\.gguf: row_error of model\.layers\.\S+ is 1\.\d+, {allowed}", fault)
    blind, without, wide = report["dropped"]["Q4_0"]["mend"].split(", or ")
    assert (blind, without) == ("export.gguf.calibration_rows=0", "export.gguf.types=[F16,Q8_0]")
    assert wide.startswith("export.gguf.bounds.row_error=1.")
    assert Exports(target).facts["types"] == ["F16", "Q8_0"]
    assert sorted(path.name for path in target.glob("*.gguf")) == ["model-F16.gguf", "model-Q8_0.gguf"]
    for mended in (
        replace(strict, calibration_rows=0, bounds=replace(settings.bounds, row_error=1.1)),
        replace(strict, types=("F16", "Q8_0")),
        replace(strict, bounds=replace(settings.bounds, row_error=float(wide.split("=")[1]))),
    ):
        assert released(model("qwen3"), target.parent / str(mended.calibration_rows), tokens, split, mended)["dropped"] == {}


@pytest.mark.usefixtures("some_rows_are_worse")
@pytest.mark.parametrize(("types", "on_failure"), [(("Q8_0", "Q4_0"), "fail"), (("Q4_0",), "drop")])
def test_where_none_may_be_missing_or_none_is_left_nothing_appears(
    types: tuple[FileType, ...], on_failure: Any, model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    strict = replace(settings, bounds=replace(settings.bounds, row_error=1.0), types=types, on_failure=on_failure)
    with pytest.raises(PipelineError, match=r"the exported files are not the model:\n  model-Q4_0\.gguf: row_error") as fault:
        released(model("qwen3"), target, tokens, split, strict)
    assert fault.value.mend.startswith("export.gguf.calibration_rows=0, or export")
    assert list(target.parent.iterdir()) == []


def test_a_kind_without_a_gguf_form_is_refused_by_name(model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path) -> None:
    with pytest.raises(PipelineError, match="bloom has no GGUF form here; gpt2, llama, qwen3 have"):
        released(model("bloom", kv_heads=4, activation="gelu", intermediate_size="auto"), target, tokens, split, settings)


def test_a_kind_that_transformers_does_not_know_is_refused_by_name(
    model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    with pytest.raises(PipelineError, match="transformers has no model of kind lstm"):
        transformers_folder.export(
            model("lstm", activation="tanh"),
            Exports(target),
            tokens=tokens,
            split=split,
            settings=FOLDER,
            section=AT,
            bill=BILL,
        )


@pytest.mark.parametrize(
    ("kind", "own", "mend"),
    [("mistral", {"window": 8}, "model.window=null"), ("llama", {"activation": "gelu"}, "model.activation=silu")],
)
def test_what_a_gguf_form_does_not_know_is_refused(
    kind: str, own: dict[str, Any], mend: str, model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    with pytest.raises(PipelineError, match=mend):
        released(model(kind, **own), target, tokens, split, settings)


def test_unquantized_weights_come_back_from_the_file_as_they_went_in(model: Make, tmp_path: Path) -> None:
    source = model("llama", tie_embeddings=False)
    module = load(source, device="cpu")
    write_gguf(tmp_path / "x.gguf", module, source.path, kind="F16", name="tiny", keep_f16=(), products={}, notes={})
    found, wanted = read_gguf(tmp_path / "x.gguf", module.config).weights, module.state_dict()
    assert set(found) == set(wanted)
    assert all(np.array_equal(found[name], wanted[name].numpy().astype(np.float16)) or wanted[name].ndim == 1 for name in wanted)


def test_llama_cpp_gives_the_greedy_answer_of_the_original(model: Make, tmp_path: Path) -> None:
    source = model("qwen3")
    module = load(source, device="cpu")
    write_gguf(tmp_path / "x.gguf", module, source.path, kind="F16", name="tiny", keep_f16=(), products={}, notes={})
    prompts = [[0, 3, 20 + number, 40, 5, 4] for number in range(6)]
    wanted = generate(module, prompts, max_new=8, temperature=0, seed=1, batch=8)
    with Runtime(tmp_path / "x.gguf", context=32, threads=1) as runtime:
        assert runtime.size == SIZE
        assert [runtime.generate(prompt, max_new=8, stop=5) for prompt in prompts] == wanted


def test_a_file_that_is_no_gguf_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(PipelineError, match=r"can't load x\.gguf: .+"):
        Runtime(tmp_path / "x.gguf", context=8, threads=1)


def test_the_stage_warns_of_a_dropped_file_with_a_command_that_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    told = {"faults": ["model-Q4_0.gguf: kl is 7"], "mend": "export.gguf.calibration_rows=0, or export.gguf.types=[F16,Q8_0]"}
    monkeypatch.setattr(stage, "bill_of", lambda *artifacts, **words: {})
    monkeypatch.setattr(stage, "export", lambda *artifacts, **words: {"F16": {}, "dropped": {"Q4_0": told}})
    cfg = SimpleNamespace(source=None, target=None, tokens=None, split=None)
    report = stage.main.recipe(cfg, SimpleNamespace(section="export.gguf", code="c", told="d", log=logging.getLogger("stage")))
    assert report == {"F16": {}, "dropped": {"Q4_0": told}}
    (warning,) = caplog.messages
    assert warning.splitlines()[:2] == ["Q4_0 is not released, it is not the model:", "  model-Q4_0.gguf: kl is 7"]
    assert warning.endswith("go on from here: make repro SET=export.gguf.calibration_rows=0")
