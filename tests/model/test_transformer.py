"""The kind of parts to choose from: each part against one that others wrote or a loop, and each learns."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

from pipeline.model.build import build
from pipeline.model.count import matrices, parameters, parameters_by_part
from pipeline.model.generate import generate
from pipeline.model.positions import alibi, bucket, sinusoids
from pipeline.train.optimizers.choice import Optimizers
from tests.model.conftest import SIZE
from tests.model.every_kind import shape_of
from tests.model.test_kinds import DOCUMENTS, POSITIONS, PROMPTS, ROWS, logits_of, loss_of
from tests.train.conftest import fitting

LLAMA: dict[str, Any] = {"positions": "rope", "norm": "rmsnorm", "pattern": "full", "window": None}
GPT: dict[str, Any] = LLAMA | {"positions": "learned", "norm": "layernorm", "gated": False, "activation": "relu"}
PLACES = ["learned", "sinusoidal", "rope", "alibi", "relative", "none"]
PATTERNS = [("full", None), ("sliding", 6), ("sparse", 4)]


def make(**change: Any) -> PreTrainedModel:
    return loud(build(shape_of("transformer", **(LLAMA | change)), vocabulary=SIZE, seed=1))


def loud(module: PreTrainedModel) -> PreTrainedModel:
    """Matrices ten times as large as fresh ones: words differ in likelihood."""
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim >= 2:
                weight *= 10
    return module


def test_with_the_parts_of_llama_it_is_llama() -> None:
    theirs, ours = loud(build(shape_of("llama"), vocabulary=SIZE, seed=2)), make()
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(logits_of(ours, ROWS), logits_of(theirs, ROWS), rtol=1e-4, atol=1e-4)


def test_with_the_parts_of_gpt2_it_is_gpt2() -> None:
    theirs = loud(build(shape_of("gpt2", activation="relu", tie_embeddings=False), vocabulary=SIZE, seed=2))
    ours = make(**GPT, biases=True, kv_heads=2, tie_embeddings=False)
    given = theirs.state_dict()
    names = {"embed_tokens": "wte", "embed_positions": "wpe", "norm": "ln_f"}
    state = {f"model.{own}.{end}": given[f"transformer.{name}.{end}"] for own, name in names.items() for end in ("weight", "bias")
             if f"transformer.{name}.{end}" in given}  # fmt: skip
    state["lm_head.weight"] = given["lm_head.weight"]
    inside = {"input_layernorm": "ln_1", "post_attention_layernorm": "ln_2", "self_attn.o_proj": "attn.c_proj", "mlp.up_proj": "mlp.c_fc"}
    for layer in range(2):
        at, there = f"model.layers.{layer}", f"transformer.h.{layer}"
        for own, name in (inside | {"mlp.down_proj": "mlp.c_proj"}).items():
            weight = given[f"{there}.{name}.weight"]
            state[f"{at}.{own}.weight"], state[f"{at}.{own}.bias"] = weight.T if weight.ndim == 2 else weight, given[f"{there}.{name}.bias"]
        for end in ("weight", "bias"):
            for own, part in zip("qkv", given[f"{there}.attn.c_attn.{end}"].chunk(3, -1), strict=True):
                state[f"{at}.self_attn.{own}_proj.{end}"] = part.T if part.ndim == 2 else part
    ours.load_state_dict(state)
    torch.testing.assert_close(logits_of(ours, ROWS), logits_of(theirs, ROWS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("pattern", "window"), PATTERNS[1:])
def test_a_pattern_is_llama_under_a_mask_that_a_loop_has_made(pattern: str, window: int) -> None:
    theirs, ours = loud(build(shape_of("llama"), vocabulary=SIZE, seed=2)), make(pattern=pattern, window=window)
    ours.load_state_dict(theirs.state_dict())
    mask = torch.full((24, 24), -torch.inf)
    for asked in range(24):
        for seen in range(asked + 1):
            near = asked - seen < window
            if pattern == "sparse":
                near = asked // window == seen // window or (seen + 1) % window == 0
            mask[asked, seen] = 0 if near else -torch.inf
    with torch.no_grad():
        expected = theirs(input_ids=ROWS, attention_mask=mask.expand(4, 1, -1, -1), use_cache=False).logits
    torch.testing.assert_close(logits_of(ours, ROWS), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(expected, logits_of(theirs, ROWS), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("positions", PLACES)
@pytest.mark.parametrize(("pattern", "window"), PATTERNS)
def test_fast_attention_is_the_product_of_scores_and_values(positions: str, pattern: str, window: int | None) -> None:
    fast, plain = (make(positions=positions, pattern=pattern, window=window) for _ in range(2))
    plain.set_attn_implementation("eager")
    with torch.no_grad():
        for told in ({"position_ids": POSITIONS}, {"attention_mask": torch.ones_like(ROWS)}):
            one, other = (module(input_ids=ROWS, use_cache=False, **told).logits for module in (fast, plain))
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("positions", PLACES)
@pytest.mark.parametrize(("pattern", "window"), PATTERNS)
def test_documents_are_apart_and_a_cache_changes_nothing(positions: str, pattern: str, window: int | None) -> None:
    module = make(positions=positions, pattern=pattern, window=window)
    with torch.no_grad():
        packed = module(input_ids=ROWS, position_ids=POSITIONS, use_cache=False).logits
    alone = torch.cat([logits_of(module, ROWS[:, first:last]) for first, last in DOCUMENTS], 1)
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-4)
    [answer] = generate(module, [PROMPTS[1], PROMPTS[2]], max_new=6, temperature=0, seed=1, batch=2)[1:]
    plain = list(PROMPTS[2])
    for token in answer:
        plain.append(int(logits_of(module, torch.tensor([plain]))[0, -1].argmax()))
        assert plain[-1] == token


def test_waves_are_those_of_the_paper() -> None:
    found = sinusoids(torch.arange(50)[None], 8)[0]
    for place in (0, 1, 7, 49):
        for number in range(4):
            angle = place / 10_000 ** (2 * number / 8)
            assert found[place, 2 * number] == pytest.approx(math.sin(angle), abs=1e-5)
            assert found[place, 2 * number + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_distances_fall_into_the_buckets_of_t5() -> None:
    distance = torch.arange(-3, 400)
    theirs = T5Attention._relative_position_bucket(-distance, bidirectional=False, num_buckets=32, max_distance=128)
    assert torch.equal(bucket(distance), theirs)


def test_the_penalty_on_distance_is_that_of_bloom() -> None:
    distance = torch.arange(9)[None, :, None] - torch.arange(9)[None, None, :]
    own = alibi(distance, 4)[0]
    theirs = build_alibi_tensor(torch.ones(1, 9), 4, torch.float32)  # [heads, 1, S], the same to a number a row, which a softmax drops
    torch.testing.assert_close(own - own[..., :1], (theirs - theirs[..., :1]).expand(4, 9, 9))


def learn(module: PreTrainedModel, steps: int = 20) -> list[float]:
    optimizers, losses = Optimizers(module.train(), matrices(module), fitting(seed=1), section="pretrain"), []
    for _ in range(steps):
        module.zero_grad()
        loss = loss_of(module, ROWS)
        loss.backward()
        optimizers.step(1.0)
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize(
    "change",
    [
        *({"positions": one} for one in PLACES),
        *({"pattern": pattern, "window": window} for pattern, window in PATTERNS[1:]),
        *({"norm": norm, "norm_weights": weights} for norm in ("layernorm", "rmsnorm") for weights in (True, False)),
        *({"activation": one, "gated": gated} for one in ("relu", "gelu", "silu") for gated in (True, False)),
        {"biases": True, "norm": "layernorm"},
        {"kv_heads": 2},
    ],
    ids=str,
)
def test_each_part_starts_at_the_logarithm_of_the_vocabulary_and_learns(change: dict[str, Any]) -> None:
    losses = learn(build(shape_of("transformer", **(LLAMA | change)), vocabulary=SIZE, seed=1))
    assert losses[0] == pytest.approx(math.log(SIZE), rel=0.05)
    assert losses[-1] < 0.8 * losses[0]


def test_without_layers_it_is_one_table_that_predicts_from_the_last_token_alone() -> None:
    module = make(layers=0, norm_weights=False, positions="none")
    assert parameters(module) == SIZE * 32
    assert generate(module, [[0]], max_new=3, temperature=0, seed=1, batch=1)
    assert parameters_by_part(module) == {"embedding": SIZE * 32}
    other: Tensor = ROWS.clone()
    other[:, :-1] = 7
    assert torch.equal(logits_of(module, ROWS)[:, -1], logits_of(module, other)[:, -1])
    losses = learn(build(shape_of("transformer", **LLAMA, layers=0, norm_weights=False), vocabulary=SIZE, seed=1), steps=60)
    assert losses[0] == pytest.approx(math.log(SIZE), rel=0.05)
    assert losses[-1] < 0.8 * losses[0]
