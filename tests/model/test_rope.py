"""Another base of RoPE: the module computes with it, its configuration says it, and a saved model has it."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.core.errors import PipelineError
from pipeline.model.build import build
from pipeline.model.objective import NextToken
from pipeline.model.rope import rebase
from tests.model.every_kind import shape_of
from tests.packed import packed

IDS = torch.tensor([[9, 20, 21, 22, 7, 8, 30, 31]])


@pytest.mark.parametrize("kind", ["qwen3", "llama", "mistral", "mixtral", "deepseek"])
def test_the_module_reads_like_one_that_was_built_with_that_base(kind: str, tmp_path: Path) -> None:
    module = build(shape_of(kind), vocabulary=40, seed=1)
    before = module(input_ids=IDS, use_cache=False).logits.detach()
    rebase(module, 5e5)
    after = module(input_ids=IDS, use_cache=False).logits.detach()
    assert not torch.equal(before, after)
    config = copy.deepcopy(module.config)
    assert config.rope_parameters["rope_theta"] == 5e5
    other = type(module)(config)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.eval()(input_ids=IDS, use_cache=False).logits, after)
    module.save_pretrained(tmp_path)
    loaded = type(module).from_pretrained(tmp_path, attn_implementation=module.config._attn_implementation)
    assert torch.allclose(loaded(input_ids=IDS, use_cache=False).logits, after, atol=1e-6)


def test_the_base_that_it_had_gives_the_same_bits() -> None:
    module = build(shape_of("qwen3"), vocabulary=40, seed=1)
    before = module(input_ids=IDS, use_cache=False).logits
    rebase(module, 5e5)
    rebase(module, 1e4)
    assert torch.equal(module(input_ids=IDS, use_cache=False).logits, before)


@pytest.mark.parametrize("kind", ["gpt2", "bloom", "mamba2"])
def test_a_kind_without_rope_is_refused_by_name(kind: str) -> None:
    module = build(shape_of(kind), vocabulary=40, seed=1)
    with pytest.raises(PipelineError, match=f"type {kind} has no RoPE whose base"):
        NextToken(packed([[9, 8]], row=4), context=4).refuse_rope(module)


def test_z_loss_is_the_squared_logarithm_of_the_denominator_while_the_module_learns(module: PreTrainedModel) -> None:
    rows = packed([[9, 8, 7], [20, 21, 22, 23, 24]], row=16)
    plain, with_z = (NextToken(rows, context=16, z_loss=weight) for weight in (0.0, 0.01))
    batch = rows.read([0])
    ids, positions = torch.from_numpy(batch.ids), torch.from_numpy(batch.positions)
    logits = module(input_ids=ids, position_ids=positions, use_cache=False).logits[0].double()
    predicted = torch.from_numpy(batch.targets[0] != -100)
    z = float(logits.exp().sum(-1).log()[predicted].square().sum().detach())
    numbers = np.array([0])
    assert with_z.loss(module, numbers, "cpu") == plain.loss(module, numbers, "cpu"), "an evaluation tells the nats alone"
    module.train()
    try:
        difference = with_z.loss(module, numbers, "cpu")[0] - plain.loss(module, numbers, "cpu")[0]
    finally:
        module.eval()
    assert float(difference.detach()) == pytest.approx(0.01 * z, rel=1e-4)
