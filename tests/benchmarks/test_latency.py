"""Prefill and decode, and what a cache spares."""

import time

import pytest
import torch
from transformers import DynamicCache

from benchmarks import latency
from pipeline.model.build import build
from tests.tiny_shape import SHAPE

TINY = SHAPE | {"layers": 1, "context": 128}


@pytest.mark.parametrize(("prompt", "new"), [(1, 1), (5, 1), (5, 4), (1, 7)])
@pytest.mark.parametrize("cached", [True, False])
@torch.no_grad()
def test_the_products_are_those_that_a_run_makes(prompt: int, new: int, cached: bool) -> None:
    module = build(TINY, vocabulary=64, seed=1).eval()
    module.set_attn_implementation("eager")  # the one that shows its weights
    cache, ids, counted = DynamicCache(config=module.config), torch.arange(8, 8 + prompt)[None], 0
    fresh = ids
    for _ in range(new):
        how = {"past_key_values": cache, "use_cache": True} if cached else {"use_cache": False}
        out = module(input_ids=fresh if cached else ids, output_attentions=True, **how)
        counted += int((out.attentions[0][0, 0] > 0).sum())  # of the first layer, row and head
        fresh = out.logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, fresh], 1)
    assert latency.attention_products(prompt=prompt, new=new, cached=cached) == counted


def test_a_cache_spares_the_more_the_longer_the_answer() -> None:
    ratios = [
        latency.attention_products(prompt=8, new=new, cached=False) / latency.attention_products(prompt=8, new=new, cached=True)
        for new in (1, 8, 64)
    ]
    assert ratios[0] == 1.0 < ratios[1] < ratios[2]


def test_prefill_and_decode_are_timed_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "PROMPT", 16)
    monkeypatch.setattr(latency, "NEW", 4)
    found = latency.timing(build(TINY, vocabulary=1024, seed=1).eval(), 2, rounds=1, clock=time.perf_counter)
    assert found.prefill_s > 0 < found.decode_s
    assert found.prefill_rate == pytest.approx(2 * 16 / found.prefill_s)
    assert found.decode_rate == pytest.approx(2 / found.decode_s)
