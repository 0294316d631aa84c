"""Folders of compressed-tensors say what their codes say, or they are not released."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
from transformers import AutoModelForCausalLM

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.export import awq, compressed_folder
from pipeline.export.architectures import refuse_groups, refuse_packing
from pipeline.export.compressed_folder import Compressed
from pipeline.export.gptq import in_4_bits, input_products, quantize
from pipeline.export.packed import PackedType, packed, quantized
from pipeline.export.parity import WeightBounds
from pipeline.export.rounding import filled
from pipeline.model.disk import load
from pipeline.model.generate import generate
from tests.export.conftest import BILL, SAMPLING

Make = Callable[..., Model]
Export = Callable[..., dict[str, Any]]
SETTINGS = Compressed(
    types=("int8", "int4", "w8a8", "awq"),
    group_size=32,
    calibration_rows=8,
    strings=100,
    rows=4,
    sampling=SAMPLING,
    bounds=WeightBounds(row_error=3, kl=3),  # as in conf/
    on_failure="drop",
    seed=1,
)


@pytest.fixture
def export(tokens: Tokens, split: Split, target: Path) -> Export:
    """export(source, types=...) -> what is told of the folders, which lie in `target`."""

    def run(source: Model, **changed: Any) -> dict[str, Any]:
        own = replace(SETTINGS, **changed)
        return compressed_folder.export(
            source, Exports(target), tokens=tokens, split=split, settings=own, section="export.compressed", bill=BILL
        )

    return run


@pytest.mark.parametrize(
    ("kind", "own"), [("qwen3", {}), ("llama", {"tie_embeddings": False}), ("mistral", {"window": 8}), ("qwen3", {"scale": 0})]
)
def test_transformers_reads_the_codes_to_the_bit(kind: str, own: dict[str, Any], model: Make, export: Export, target: Path) -> None:
    report = export(model(kind, **own))
    assert report["dropped"] == {}
    for name in ("int8", "int4", "w8a8", "awq"):
        assert (report[name]["max_logit"], report[name]["ids_differ"], report[name]["ends_missed"]) == (0, 0, 0)
    assert report["fp32"]["perplexity"] == pytest.approx(report["int8"]["perplexity"], rel=0.05)
    assert report["int8"]["bytes"] > report["int4"]["bytes"] == report["awq"]["bytes"]
    assert json.loads(Exports(target).file("parity.json").read_text()) == report


def test_the_folder_gives_the_greedy_answers_of_its_codes(model: Make, export: Export, target: Path) -> None:
    source = model("qwen3")
    export(source, types=("int8",))
    reader = AutoModelForCausalLM.from_pretrained(target / "int8", dtype=torch.float32)
    prompts = [[0, 3, 20 + number, 40, 5, 4] for number in range(4)]
    found = reader.generate(torch.tensor(prompts), max_new_tokens=6, do_sample=False)[:, 6:].tolist()
    codes = {name: weight.numpy() for name, weight in reader.state_dict().items() if name.endswith("weight")}
    wanted = generate(filled(load(source, device="cpu"), codes), prompts, max_new=6, temperature=0, seed=1, batch=4)
    assert [answer[: len(meant)] for answer, meant in zip(found, wanted, strict=True)] == wanted


@pytest.mark.parametrize(("kind", "bits", "group_size"), [("int8", 8, 32), ("int4", 4, 32), ("int4", 4, 128)])
def test_the_library_unpacks_what_was_packed(kind: PackedType, bits: int, group_size: int) -> None:
    weight = stream(1, "weight").normal(size=(24, 384)).astype(np.float32)
    found = quantized(weight, np.zeros((384, 384)), kind, group_size=group_size)
    parts = packed(found, kind)
    codes = unpack_from_int32(parts["weight_packed"], bits, torch.Size(parts["weight_shape"].tolist()))
    assert np.array_equal(codes.numpy(), found.codes)
    assert parts["weight_scale"].shape == (24, 1 if kind == "int8" else 384 // group_size)
    assert np.abs(found.weights() - weight).max() < (0.02 if kind == "int8" else 0.35)


@pytest.mark.parametrize(("kind", "share"), [("int4", 0.8), ("awq", 0.95)])
def test_rows_to_calibrate_on_bring_4_bits_nearer_to_the_model(kind: str, share: float, model: Make, export: Export) -> None:
    found = export(model("qwen3"), types=(kind,))[kind]
    assert found["kl"] < share * found["rounding"]["kl"]


def test_scaled_weights_compute_as_the_model_and_lose_less_by_rounding(model: Make) -> None:
    module = load(model("qwen3"), device="cpu")
    ids = torch.from_numpy(stream(1, "rows").integers(6, 200, size=(4, 24)))
    with torch.no_grad():
        module.model.embed_tokens.weight[:, :4] *= 8  # inputs of which some are large
        names = [name for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear) and name != "lm_head"]
        products = input_products(module, ids.numpy(), names)
        other = awq.scaled(module, products, group_size=32)
        torch.testing.assert_close(other(input_ids=ids).logits, module(input_ids=ids).logits, rtol=1e-4, atol=1e-4)
    assert not torch.equal(other.model.layers[0].mlp.down_proj.weight, module.model.layers[0].mlp.down_proj.weight)


def test_all_groups_at_once_are_rounded_as_one_after_the_other() -> None:
    weight = stream(1, "weight").normal(size=(24, 96)).astype(np.float32)
    weight[3, :32] = 0
    one, all_ = quantize(weight, np.zeros((96, 96))), in_4_bits(weight, group_size=32)
    assert np.array_equal(one.codes, all_.codes)
    assert np.array_equal(one.scales, all_.scales)


def test_the_same_model_gives_the_same_bytes(model: Make, export: Export, target: Path) -> None:
    source = model("llama")
    export(source)
    digest = Exports(target).digest
    export(source)
    assert Exports(target).digest == digest


def test_a_folder_whose_words_are_shifted_is_dropped_alone(model: Make, export: Export, target: Path, monkeypatch: Any) -> None:
    def shift(found: Any, kind: PackedType) -> dict[str, torch.Tensor]:
        parts = packed(found, kind)
        return parts | {"weight_packed": parts["weight_packed"].roll(1, dims=1)} if kind == "int4" else parts

    monkeypatch.setattr(compressed_folder, "packed", shift)
    report = export(model("qwen3"))
    assert [*report["dropped"]] == ["int4"]
    assert report["dropped"]["int4"]["faults"][0].startswith("int4: max_logit is ")
    assert report["dropped"]["int4"]["mend"] == "export.compressed.types=[int8,w8a8,awq]"
    assert not (target / "int4").exists()


def test_what_it_can_not_hold_is_refused_with_a_setting_that_can(model: Make, export: Export) -> None:
    with pytest.raises(PipelineError, match="not those of a model of kind gpt2") as fault:
        export(model("gpt2", kv_heads=4, activation="gelu"))
    assert fault.value.mend.startswith("export=[transformers], or model=")
    with pytest.raises(PipelineError, match="hidden_size 64 and intermediate_size 96 are no multiples") as fault:
        export(model("qwen3"), group_size=128)
    assert fault.value.mend == "export.compressed.group_size=32"
    with pytest.raises(PipelineError) as fault:
        refuse_groups({"hidden_size": 40}, 32, section="export.compressed")
    assert fault.value.mend == "export.compressed.types=[int8]"
    with pytest.raises(PipelineError) as fault:
        refuse_packing("lstm")
    assert fault.value.mend.startswith("export=[], or ")
