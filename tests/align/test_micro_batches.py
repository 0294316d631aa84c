"""A micro-batch changes the memory that a step takes, and the last bits of its sums; never what is learned."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch import Tensor

from pipeline.align import grpo, ppo
from pipeline.align.ppo_rollout import Answers, pack_answers, read_by
from pipeline.align.sft import train_sft
from pipeline.model.build import build
from pipeline.model.generate import generate
from pipeline.train.workspace import History
from tests.align.conftest import Undisturbed
from tests.align.methods import ALL, METHODS, OWN_TRAINER, RECIPE, SAMPLING, SETTINGS, How
from tests.align.tiny import VOCABULARY, examples, same, weights, workspace
from tests.model.every_kind import shape_of

LOSSES = {"loss", "grad_norm", "rewards/margins", "rewards/accuracies", "margin", "accuracy", "policy_loss", "value_loss", "clipped", "kl"}
# the fused heads of the others give fp32, whatever the weights are
CLOSE = dict.fromkeys(METHODS, 2e-6) | dict.fromkeys(("reward", "ensemble", *SAMPLING), 1e-11)


def losses(history: History) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name in LOSSES} for row in history]


def answers_of_every_length(policy: Any, prompts: Any, *, max_new_tokens: int, seed: int, batch: int) -> tuple[Answers, Tensor, Tensor]:
    """The policy's answers, cut: a model that has learned nothing seldom ends one."""
    found = generate(policy, prompts, max_new=max_new_tokens, temperature=1.0, seed=seed, batch=batch)
    cut = pack_answers(prompts, [answer[:number] for number, answer in enumerate(found)], max_new_tokens=max_new_tokens, device="cpu")
    return cut, *read_by(policy, cut)


@pytest.mark.parametrize("micro_batch", [1, 2])
@pytest.mark.parametrize("method", ALL)
def test_micro_batches_learn_what_the_whole_batch_learns(
    method: str, micro_batch: int, tmp_path: Path, tokenizer: tokenizers.Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights in float64 after all steps, each of which moves some by a hundredth; rows, answers and masks have every length."""
    for module in (ppo, grpo):
        monkeypatch.setattr(module, "sample_answers", answers_of_every_length)
    whole = ALL[method](tokenizer, workspace(tmp_path / "whole"), how=How(None, torch.float64))
    parts = ALL[method](tokenizer, workspace(tmp_path / "parts"), how=How(micro_batch, torch.float64))
    for name, weight in whole.weights.items():
        torch.testing.assert_close(parts.weights[name], weight, rtol=0, atol=CLOSE[method], msg=name)
    for one, other in zip(losses(whole.history), losses(parts.history), strict=True):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "shape", [shape_of("llama"), shape_of("gpt2"), shape_of("mamba2"), shape_of("lstm"), shape_of("mixtral", balance_loss=0.0)]
)
def test_a_model_of_any_kind_lets_tokens_weigh_over_the_whole_batch(
    shape: dict[str, Any], tmp_path: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    """The trainer counts the tokens of a batch only for a model that can be told of them."""
    modules = {}
    for micro_batch in (None, 1):
        modules[micro_batch] = build(shape, vocabulary=VOCABULARY, seed=1).double()
        recipe = dataclasses.replace(RECIPE, micro_batch=micro_batch)
        train_sft(modules[micro_batch], tokenizer, examples(10), recipe, workspace(tmp_path / str(micro_batch)))
    whole, parts = weights(modules[None]), weights(modules[1])
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, rtol=0, atol=CLOSE["sft"], msg=name)


@pytest.mark.parametrize("method", OWN_TRAINER)
def test_a_micro_batch_of_the_whole_batch_gives_its_bits(
    method: str, tmp_path: Path, tokenizer: tokenizers.Tokenizer, undisturbed: Undisturbed
) -> None:
    outcome = METHODS[method](tokenizer, workspace(tmp_path), how=How(RECIPE.batch_size))
    assert same(outcome.weights, undisturbed(method).weights)
    assert outcome.history == undisturbed(method).history


def test_a_micro_batch_that_does_not_come_out_even_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size 4 is no multiple of micro_batch 3; it is one of 2"):
        dataclasses.replace(RECIPE, micro_batch=3)
    with pytest.raises(ValueError, match="micro_batch 7 is above rollout_batch 6"):
        dataclasses.replace(SETTINGS, micro_batch=7)
