"""Mixtral as llama.cpp reads it: one tensor for all experts, a router that is not rounded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from pipeline.core.artifact.exports import Exports
from pipeline.core.artifact.model import Model
from pipeline.core.artifact.split import Split
from pipeline.core.artifact.tokens import Tokens
from pipeline.export import gguf_files
from pipeline.export.experts import opened
from pipeline.export.gguf_file import read_gguf, write_gguf
from pipeline.export.gguf_files import Gguf
from pipeline.export.gptq import input_products
from pipeline.model.disk import load
from tests.export.conftest import BILL, LENGTH, SIZE

Make = Callable[..., Model]
EXPERTS: dict[str, Any] = {"experts": 4, "experts_per_token": 2, "balance_loss": 0.01}
KINDS = ("F16", "Q8_0", "Q4_0")


@pytest.mark.parametrize(("tied", "scale"), [(True, 16), (False, 1)])
def test_mixtral_says_in_llama_cpp_what_it_says_here(
    tied: bool, scale: float, model: Make, tokens: Tokens, split: Split, settings: Gguf, target: Path
) -> None:
    source = model("mixtral", scale=scale, tie_embeddings=tied, **EXPERTS)
    report = gguf_files.export(
        source,
        Exports(target),
        tokens=tokens,
        split=split,
        settings=replace(settings, keep_f16=("ffn_down",)),
        section="export.gguf",
        bill=BILL,
    )
    assert report["dropped"] == {}
    assert report["F16"]["mean_logit"] < 1.05 * report["F16"]["rounding"]["mean_logit"], "no token goes to another expert but by rounding"
    layers, dense = 2, 6  # of a layer: four of attention, two of experts
    assert report["Q4_0"]["tensors"]["Q4_0"] == layers * dense, "ffn_down of all experts keeps F16"
    assert (report["Q4_0"]["tensors"]["F16"], report["Q4_0"]["tensors"]["F32"]) == (layers, 1 + 3 * layers), "the router is not rounded"


def test_the_file_tells_how_many_experts_there_are_and_holds_each_in_its_place(model: Make, tmp_path: Path) -> None:
    source = model("mixtral", **EXPERTS)
    module = load(source, device="cpu")
    write_gguf(tmp_path / "x.gguf", module, source.path, kind="F16", name="tiny", keep_f16=(), products={}, notes={})
    reader = gguf.GGUFReader(tmp_path / "x.gguf")
    told = {key: reader.fields[f"llama.{key}"].contents() for key in ("expert_count", "expert_used_count")}
    assert told == {"expert_count": 4, "expert_used_count": 2}
    both = module.get_parameter("model.layers.1.mlp.experts.gate_up_proj").detach().half().numpy()
    held = {tensor.name: tensor.data for tensor in reader.tensors}
    assert np.array_equal(np.concatenate([held["blk.1.ffn_gate_exps.weight"], held["blk.1.ffn_up_exps.weight"]], axis=1), both)
    back = read_gguf(tmp_path / "x.gguf", module.config).weights
    assert np.array_equal(back["model.layers.1.mlp.experts.3.up_proj.weight"], both[3, len(both[3]) // 2 :])


def test_opened_experts_answer_as_transformers_do_and_meet_their_own_inputs_alone(model: Make) -> None:
    module = load(model("mixtral", **EXPERTS), device="cpu")
    ids = torch.arange(20, 20 + LENGTH)[None] % SIZE
    with torch.inference_mode():
        wanted, found = (one(input_ids=ids, use_cache=False).logits for one in (module, opened(module)))
    assert torch.allclose(found, wanted, atol=1e-4)
    met: list[int] = []
    router = module.get_submodule("model.layers.0.mlp.gate")
    router.register_forward_hook(lambda layer, inputs, outputs: met.extend(outputs[2].flatten().tolist()))
    with torch.inference_mode():
        module(input_ids=ids, use_cache=False)
    layers = [f"model.layers.0.mlp.experts.{number}.gate_proj" for number in range(4)]
    split_up = opened(module)
    seen: dict[str, int] = {}
    for name in layers:
        split_up.get_submodule(name).register_forward_pre_hook(
            lambda layer, inputs, name=name: seen.update({name: int(inputs[0].any(dim=-1).sum())})
        )
    products = input_products(split_up, ids.numpy(), layers)
    assert [seen[name] for name in layers] == [met.count(number) for number in range(4)]
    assert sum(products[name].any() for name in layers) == len({*met})
