"""A reward model with margins, weights and several heads."""

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch.nn.functional import logsigmoid

from pipeline.align.ppo_rollout import Scale, values_of
from pipeline.align.reward import RewardLearning, disagreement, judged, learn, train_reward, with_own
from pipeline.align.scalar_head import with_scalar_head
from pipeline.core.artifact.reward_model import RewardModel
from pipeline.core.artifact.tokenizer import Tokenizer
from pipeline.core.errors import PipelineError
from pipeline.model.disk import save
from pipeline.model.reward import load_reward, rewards_by_head, rewards_of
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.tokenizer import save as save_tokenizer
from tests.align import methods
from tests.align.test_ppo import answers
from tests.align.tiny import pairs, same, tiny, weights, workspace

SCORED = [replace(pair, margin=0.5 * (number % 4)) for number, pair in enumerate(pairs(10))]


def recipe(**changes: Any) -> RewardLearning:
    own = {"margin": 0.0, "loss_mean": "pair", "ensemble": 1, "likelihood": 0.0} | changes
    return RewardLearning(**vars(methods.RECIPE), **own)


def at_once(rows: int, **changes: Any) -> RewardLearning:
    """One step over all rows."""
    return dataclasses.replace(recipe(**changes), batch_size=rows, warmup_steps=0).lasting(1)


def ahead(reward: Any, some: list[Pair]) -> torch.Tensor:
    sides = ([[*pair.prompt, *answer] for pair in some for answer in (getattr(pair, side),)] for side in ("chosen", "rejected"))
    chosen, rejected = (rewards_by_head(reward, side, batch=9) for side in sides)
    return chosen - rejected


def test_a_margin_is_what_a_better_answer_must_be_ahead_by_in_the_data_s_scores(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    """The first step's loss over all pairs, against the formula of Llama 2."""
    one = at_once(10, margin=3.0)
    expected = -logsigmoid(ahead(methods.fresh_reward(), SCORED)[:, 0] - 3.0 * torch.tensor([pair.margin for pair in SCORED])).mean()
    trained = train_reward(methods.fresh_reward(), tokenizer, SCORED, one, workspace(tmp_path))
    assert trained.history[0]["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_our_loss_without_margins_and_weights_is_trl_s(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    ours, theirs = methods.fresh_reward(), methods.fresh_reward()
    bare = [replace(pair, margin=None) for pair in SCORED]
    train_reward(ours, tokenizer, bare, recipe(margin=1.0), workspace(tmp_path / "ours"))
    train_reward(theirs, tokenizer, bare, recipe(), workspace(tmp_path / "theirs"))
    for name, weight in weights(theirs).items():
        torch.testing.assert_close(weights(ours)[name], weight, rtol=0, atol=2e-6, msg=name)


def test_scores_change_nothing_where_no_margin_is_asked_for(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with_scores, without = methods.fresh_reward(), methods.fresh_reward()
    train_reward(with_scores, tokenizer, SCORED, recipe(), workspace(tmp_path / "with"))
    train_reward(without, tokenizer, pairs(10), recipe(), workspace(tmp_path / "without"))
    assert same(weights(with_scores), weights(without))


def test_a_margin_that_no_pair_has_is_refused_with_the_way_on(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    with pytest.raises(PipelineError, match="none of the 10 pairs has scores that differ") as fault:
        learn(methods.fresh_reward(), tokenizer, (pairs(10), pairs(4)), recipe(margin=1.0), workspace(tmp_path, section="reward"))
    assert fault.value.mend.startswith("reward.margin=0")


def test_all_pairs_of_a_prompt_weigh_as_much_as_one(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    """Three pairs of one prompt and one of another, in one batch: the loss is the mean over the two prompts."""
    first, other = pairs(2)
    some = [first, replace(first, chosen=other.chosen), replace(first, rejected=other.rejected), other]
    losses = -logsigmoid(ahead(methods.fresh_reward(), some)[:, 0])
    trained = train_reward(methods.fresh_reward(), tokenizer, some, at_once(4, loss_mean="prompt"), workspace(tmp_path))
    assert trained.history[0]["loss"] == pytest.approx(((losses[:3].mean() + losses[3]) / 2).item(), rel=1e-5)


def test_what_belongs_to_pairs_stands_beside_both_of_their_answers() -> None:
    rows = [
        {"chosen_ids": [1, 2, 3], "rejected_ids": [4], "margin": [0.5], "weight": [1.0, 2.0]},
        {"chosen_ids": [5], "rejected_ids": [6, 7], "margin": [0.0], "weight": [0.0, 3.0]},
    ]
    batch = with_own(rows)
    assert batch["margin"].tolist() == [[0.5], [0.0], [0.5], [0.0]]
    assert batch["weight"].tolist() == [[1.0, 2.0], [0.0, 3.0]] * 2
    assert batch["attention_mask"].sum(1).tolist() == [3, 1, 1, 2]


def test_heads_learn_from_pairs_of_their_own_and_their_mean_is_the_reward(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    reward = with_scalar_head(tiny(1), heads=3, seed=5)
    equal = reward.get_parameter("score.weight")
    equal.data.copy_(equal.data[:1].expand(3, -1))  # what makes them differ is what they read
    metrics, _ = learn(reward, tokenizer, (pairs(20), pairs(30)), recipe(ensemble=3), workspace(tmp_path))
    sequences = [[*pair.prompt, *pair.chosen] for pair in pairs(5)]
    by_head = rewards_by_head(reward, sequences, batch=2)
    assert by_head.std(dim=1).min() > 1e-4
    torch.testing.assert_close(rewards_of(reward, sequences, batch=2), by_head.mean(dim=1))
    assert 0 < metrics["disagreement"]["deviation"] < 1
    assert metrics["accuracy"] > 0.8


def test_an_ensemble_is_one_artifact_that_loads_back(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    words = Tokenizer(tmp_path / "tokenizer")
    save_tokenizer(tokenizer, words)
    reward = with_scalar_head(tiny(1), heads=3, seed=5)
    train_reward(reward, tokenizer, pairs(10), recipe(ensemble=3), workspace(tmp_path / "run"))
    save(reward, RewardModel(tmp_path / "reward"), tokenizer=words, facts={})
    again = load_reward(RewardModel(tmp_path / "reward"), device="cpu")
    sequences = [[*pair.prompt, *pair.chosen] for pair in pairs(5)]
    assert again.config.num_labels == 3
    assert torch.equal(rewards_by_head(again, sequences, batch=2), rewards_by_head(reward, sequences, batch=2))


def test_the_critic_that_begins_as_an_ensemble_expects_what_its_heads_do_on_average() -> None:
    critic, scale = with_scalar_head(tiny(1), heads=3, seed=5), Scale(0.5, 2.0, 9.0, 0.5)
    values = values_of(critic, answers(), scale)
    before_end = critic(input_ids=torch.tensor([[0, 9, 8, 30, 31]])).logits[0].mean()
    torch.testing.assert_close(values[0, 4], (before_end - 0.5) / 2.0)


def test_heads_disagree_where_they_order_a_pair_differently_and_by_how_much() -> None:
    found = disagreement(torch.tensor([[1.0, 3.0], [1.0, -1.0]], dtype=torch.float64))
    assert found["split"] == 0.5
    assert found["deviation"] == pytest.approx(1.0 / 1.5)


def test_held_out_pairs_tell_the_accuracy_the_calibration_and_what_has_to_be_beaten() -> None:
    test = [replace(pair, cluster=f"fact-{number // 2}") for number, pair in enumerate(pairs(30))]
    found = judged(methods.fresh_reward(), pairs(20), test, recipe())
    assert found["n"] == 30
    assert 0 <= found["calibration"]["ece_low"] <= found["calibration"]["ece_high"]
    assert found["baselines"].keys() == {"length", "linear"}
    assert found["baselines"]["linear"]["kinds"].keys() == found["kinds"].keys() == {"rude", "wrong"}
    assert "disagreement" not in found
    assert judged(methods.fresh_reward(), pairs(20), [], recipe()) == {"accuracy": None, "margin": None, "n": 0, "kinds": {}}
