"""Attention by a mask of blocks: equal to torch's own kernel over the same documents, one compiled graph for all batches.

FlexAttention has no gradient on a CPU: slopes are compared where there is a GPU.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from pipeline.model import blocks
from pipeline.model.build import build
from pipeline.model.objective import NextToken
from pipeline.tokens.rows import Rows
from tests.packed import packed
from tests.tiny_shape import SHAPE

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


def rows(seed: int) -> Rows:
    """Documents of many lengths in rows of 32 tokens."""
    draw = np.random.default_rng(seed)
    return packed([draw.integers(8, 64, draw.integers(1, 20)).tolist() for _ in range(30)], row=32)


def made(kind: str = "qwen3") -> PreTrainedModel:
    return build(SHAPE | {"kind": kind}, vocabulary=64, seed=1).train()


@pytest.fixture
def by_blocks(monkeypatch: pytest.MonkeyPatch) -> PreTrainedModel:
    """A module that attends so, on this CPU too, compiled or not."""
    monkeypatch.setattr(blocks, "compiled_on_gpu", lambda module, device: True)
    return made()


def loss(module: Any, seed: int = 1, device: str = "cpu") -> torch.Tensor:
    return NextToken(rows(seed), context=64).loss(module, np.arange(4), device)[0]


@torch.no_grad()
def test_the_loss_is_that_of_torchs_kernel(by_blocks: PreTrainedModel) -> None:
    apart = rows(1).read(np.arange(4)).positions
    assert (apart[:, 1:] == 0).any()  # several documents a row
    assert float(loss(by_blocks)) == pytest.approx(float(loss(made())), rel=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_slopes_are_those_of_torchs_kernel() -> None:
    ours, theirs = torch.compile(made().to("cuda")), made().to("cuda")
    for module in (ours, theirs):
        loss(module, device="cuda").backward()
    for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=1e-3, atol=1e-3)


def test_a_token_sees_itself_and_those_before_it_in_its_document() -> None:
    positions = torch.tensor([[0, 1, 2, 0, 1, 0]])
    seen = blocks.block_mask(positions).mask_mod
    found = [[bool(seen(torch.tensor(0), torch.tensor(0), torch.tensor(q), torch.tensor(k))) for k in range(6)] for q in range(6)]
    documents = [0, 0, 0, 1, 1, 2]
    assert found == [[k <= q and documents[k] == documents[q] for k in range(6)] for q in range(6)]


@torch.no_grad()
def test_one_graph_serves_batches_whose_documents_end_elsewhere(by_blocks: PreTrainedModel) -> None:
    compiled = torch.compile(by_blocks, backend="eager", fullgraph=True)
    loss(compiled, 1)
    with torch._dynamo.config.patch(error_on_recompile=True):
        loss(compiled, 2)


def test_a_module_that_is_read_attends_as_before(by_blocks: PreTrainedModel) -> None:
    objective = NextToken(rows(3), context=64)
    ours, theirs = (objective.mean(module.eval(), np.arange(4), "cpu", batch=4) for module in (by_blocks, made()))
    assert ours == theirs


def test_it_is_taken_where_it_is_fast_and_leaves_no_trace_on_disk(by_blocks: PreTrainedModel, tmp_path: Path) -> None:
    positions = torch.arange(6)[None]
    gpt2 = build(SHAPE | {"kind": "gpt2", "kv_heads": 2, "activation": "gelu"}, vocabulary=64, seed=1).train()
    assert blocks.blocks_for(gpt2, positions) is None
    assert blocks.blocks_for(by_blocks, positions) is not None
    assert (by_blocks.config._attn_implementation, gpt2.config._attn_implementation) == (blocks.NAME, "sdpa")
    by_blocks.save_pretrained(tmp_path)
    assert f'"{blocks.NAME}"' not in (tmp_path / "config.json").read_text()


def test_a_cpu_and_a_module_that_is_not_compiled_keep_torchs_kernel() -> None:
    compiled = torch.compile(made(), backend="eager")
    assert blocks.blocks_for(compiled, torch.arange(6)[None]) is None
    assert blocks.compiled_on_gpu(compiled, torch.device("cuda"))
    assert not blocks.compiled_on_gpu(made(), torch.device("cuda"))
