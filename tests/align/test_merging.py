"""Models are merged by the formulas of the papers, each against a case that can be worked out by hand."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch import Tensor

from pipeline.align.merging import Merge, join, learned_apart, nats_a_token, slerp, ties
from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.model import disk
from pipeline.model.score import answer_logprobs
from pipeline.train.checkpoint import copy_of_weights
from tests.align.tiny import pairs, tiny, weights
from tests.align.written import written

HOW = Merge(kind="linear", weights=[1.0, 3.0], density=0.5, scale=1.0, seed=1)
BASE = {"w": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}


def model(*learned: float) -> dict[str, Tensor]:
    return {"w": BASE["w"] + torch.tensor(learned).view(2, 2)}


def how(**change: Any) -> Merge:
    return dataclasses.replace(HOW, **change)


def test_linear_is_the_mean_by_weights_of_any_sum() -> None:
    found = how().merged(BASE, [model(4, 0, 0, -4), model(0, 4, 0, 4)])["w"]
    torch.testing.assert_close(found - BASE["w"], torch.tensor([[1.0, 3.0], [0.0, 2.0]]))
    assert torch.equal(how(weights=[5.0, 15.0]).merged(BASE, [model(4, 0, 0, -4), model(0, 4, 0, 4)])["w"], found)


def test_slerp_goes_along_the_arc() -> None:
    first, second = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    torch.testing.assert_close(slerp(first, second, 0.5), torch.full((2,), 2**0.5))
    third = slerp(first, second, 1 / 3)
    assert third.norm().item() == pytest.approx(2.0)
    assert torch.rad2deg(torch.atan2(third[1], third[0])).item() == pytest.approx(30.0, abs=1e-4)
    assert torch.equal(slerp(first, second, 0.0), first)


def test_slerp_of_one_direction_is_the_line() -> None:
    one = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(slerp(one, 3 * one, 0.25), 1.5 * one)
    assert torch.equal(slerp(one, torch.zeros(2), 0.5), one / 2)
    torch.testing.assert_close(slerp(one, -one, 0.25), one / 2)


def test_ties_trims_elects_a_sign_and_takes_the_mean_of_those_that_agree() -> None:
    learned = torch.tensor([[4.0, -3.0, 0.1, 2.0], [2.0, 5.0, 0.2, 0.0], [6.0, -1.0, -8.0, 0.0]])
    # the largest two of each stay: [4, -3, 0, 0], [2, 5, 0, 0], [6, 0, -8, 0]; the second number is elected to be positive
    torch.testing.assert_close(ties(learned, torch.full((3,), 1 / 3), density=0.5), torch.tensor([4.0, 5.0, -8.0, 0.0]))
    # weights elect, too, and weigh those that agree
    torch.testing.assert_close(ties(learned, torch.tensor([0.6, 0.3, 0.1]), density=0.5), torch.tensor([3.6, -3.0, -8.0, 0.0]))


def test_what_was_learned_is_added_to_the_base_at_a_scale() -> None:
    found = how(kind="ties", weights=[1.0, 1.0], density=1.0, scale=0.5).merged(BASE, [model(4, 0, 2, 0), model(2, 0, 0, 0)])["w"]
    torch.testing.assert_close(found - BASE["w"], torch.tensor([[1.5, 0.0], [1.0, 0.0]]))


def test_dare_keeps_a_share_at_random_and_the_mean() -> None:
    base = {"w": torch.zeros(40_000)}
    models = [{"w": torch.ones(40_000)}, {"w": torch.zeros(40_000)}]
    made = how(kind="dare_linear", weights=[1.0, 1.0], density=0.25)
    found = made.merged(base, models)["w"]
    assert set(found.unique().tolist()) == {0.0, 2.0}  # half of 1 / 0.25
    assert found.mean().item() == pytest.approx(0.5, abs=0.03)  # 3.5 standard errors
    assert torch.equal(found, made.merged(base, models)["w"])
    assert not torch.equal(found, dataclasses.replace(made, seed=2).merged(base, models)["w"])


def test_dare_that_drops_nothing_is_linear() -> None:
    models = [model(4, 0, 0, -4), model(0, 4, 0, 4)]
    torch.testing.assert_close(how(kind="dare_linear", density=1.0).merged(BASE, models)["w"], how().merged(BASE, models)["w"])


def test_how_far_models_have_come_apart() -> None:
    told = learned_apart(BASE, [model(3, 4, 0, 0), model(-3, 4, 0, 0), model(0, 0, 0, 0)])
    assert told["distances"] == pytest.approx([5 / 30**0.5, 5 / 30**0.5, 0.0])
    assert told["cosine"] == pytest.approx(0.0)
    assert told["conflicts"] == 0.25


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": [1.0]}, "two models or more"),
        ({"weights": [0.0, 0.0]}, "the weights are all 0"),
        ({"kind": "slerp", "weights": [1.0, 1.0, 1.0]}, "slerp goes from one model to another, and there are 3"),
    ],
)
def test_what_can_not_be_merged_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        how(**change)


def test_models_of_other_shapes_are_refused() -> None:
    with pytest.raises(PipelineError, match="model 2 of the merge has not the shape of the base: w"):
        how().merged(BASE, [model(0, 0, 0, 0), {"w": torch.ones(3)}])


@pytest.mark.parametrize("kind", ["linear", "slerp", "ties", "dare_linear"])
def test_a_merge_of_folders_is_a_model_as_any_other(kind: Any, tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    base, other = written(tiny(1), tmp_path / "base", tokenizer), written(tiny(2), tmp_path / "other", tokenizer)
    merged, told = join(base, [base, other], how(kind=kind, weights=[1.0, 1.0]))
    assert told["distances"][0] == 0.0
    disk.save(merged, target := Model(tmp_path / "merge"), tokenizer=base, facts={})
    read = disk.load(target, device="cpu")
    assert weights(read).keys() == weights(tiny(1)).keys()
    apart = {name: (weight - weights(tiny(1))[name]).abs().max().item() for name, weight in weights(read).items()}
    assert max(apart.values()) > 0
    if kind == "linear":
        wanted = {name: (one + two) / 2 for (name, one), two in zip(weights(tiny(1)).items(), weights(tiny(2)).values(), strict=True)}
        for name, weight in copy_of_weights(read).items():
            torch.testing.assert_close(weight, wanted[name], msg=name)


def test_a_token_s_cost_is_the_mean_over_all_tokens_of_the_better_answers() -> None:
    some, module = pairs(6), tiny(1)
    tokens = sum(len(pair.chosen) for pair in some)
    nats = sum(answer_logprobs(module, [(pair.prompt, pair.chosen)], batch=1).item() for pair in some)
    assert nats_a_token(module, some, batch=3) == pytest.approx(-nats / tokens, rel=1e-5)
    assert nats_a_token(module, [], batch=3) is None
