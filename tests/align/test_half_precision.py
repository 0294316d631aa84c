"""Products in half precision: near fp32, equal to the bit twice and when resumed, and never mixed with fp32 in a ratio."""

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch

from pipeline.align.ppo_rollout import logprobs_of, pack_answers
from pipeline.train.precision import BACKOFF, FIRST, products
from pipeline.train.stop import Interrupted
from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.methods import ALL, How
from tests.align.tiny import ordered, same, tiny, workspace

BF16, FP16 = How(precision="bf16"), How(precision="fp16")
EACH = ("sft", "reward", "dpo", "kto", "ppo")  # simpo and its like have kto's context, grpo ppo's


def loss(row: dict[str, Any]) -> float:
    return row["policy_loss"] if "policy_loss" in row else row["loss"]


@pytest.mark.parametrize("method", EACH)
def test_bf16_begins_near_fp32_and_ends_equal_when_it_was_stopped(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, undisturbed: Undisturbed
) -> None:
    whole = ALL[method](tokenizer, workspace(tmp_path / "whole"), how=BF16)
    exact = undisturbed(method)
    assert loss(whole.history[0]) == pytest.approx(loss(exact.history[0]), rel=0.02, abs=0.02)
    assert not same(whole.weights, exact.weights)
    assert {weight.dtype for weight in whole.weights.values()} == {torch.float32}

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        ALL[method](tokenizer, workspace(tmp_path / "stopped", stop_at), how=BF16)
    again = ALL[method](tokenizer, workspace(tmp_path / "stopped"), how=BF16)
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)


@pytest.mark.parametrize("method", ["dpo", "kto", "ppo", "grpo"])
@pytest.mark.parametrize("how", [BF16, FP16])
def test_a_policy_that_is_its_own_reference_is_no_distance_away(
    method: str, how: How, tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    """Log-probabilities of autocast and of fp32 in one difference would be a distance."""
    more: dict[str, Any] = {"sft_weight": 0.0} if method == "dpo" else {}
    first = ALL[method](tokenizer, workspace(tmp_path), how=how, **more).history[0]
    assert first["rewards/margins" if method == "dpo" else "kl"] == 0.0
    if method == "dpo":
        assert first["loss"] == pytest.approx(math.log(2), rel=1e-6)


def test_a_mixture_would_be_seen() -> None:
    answers = pack_answers([[0, 9, 8], [0, 7]], [[30, 31], [40, 41, 42]], max_new_tokens=9, device="cpu")
    exact = logprobs_of(tiny(1), answers)
    with products("bf16", "cpu"):
        rough = logprobs_of(tiny(1), answers)
    assert rough.dtype == torch.float32, "half precision ends where probabilities begin"
    assert 1e-4 < (exact - rough).abs().max() < 0.1


@pytest.mark.parametrize("method", ["sft", "reward", "simpo", "ppo"])
def test_fp16_scales_its_loss_and_tells_the_true_one(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, undisturbed: Undisturbed
) -> None:
    found, exact = ALL[method](tokenizer, workspace(tmp_path), how=FP16), undisturbed(method)
    assert loss(found.history[0]) == pytest.approx(loss(exact.history[0]), rel=0.01, abs=0.01)
    if method in ("sft", "simpo"):
        assert found.history[0]["grad_norm"] == pytest.approx(exact.history[0]["grad_norm"], rel=0.02)
    if method == "reward":  # its first gradients overflow at the first scale
        assert [row["grad_norm"] > 0 for row in found.history] == [False] * 2 + [True] * 5


def test_an_overflow_leaves_the_weights_and_halves_the_scale(
    tmp_path: Path, tokenizer: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a stop: the scale is part of a checkpoint."""
    from pipeline.align.trl_adapter import LossScale

    seen: list[float] = []
    overflowed = LossScale.overflowed

    def first_is_infinite(self: LossScale, step: int, norm: float) -> bool:
        left_out = overflowed(self, step, math.inf if step == 1 else norm)
        seen.append(self.scale)
        return left_out

    monkeypatch.setattr(LossScale, "overflowed", first_is_infinite)
    history = methods.sft(tokenizer, workspace(tmp_path), how=FP16).history
    assert seen == [FIRST * BACKOFF] * len(history)
    assert history[0]["grad_norm"] == 0.0
    (tmp_path / "checkpoint-7").rename(tmp_path / "gone")
    seen.clear()
    methods.sft(tokenizer, workspace(tmp_path), how=FP16)
    assert seen == [FIRST * BACKOFF]
