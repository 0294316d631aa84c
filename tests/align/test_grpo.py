"""GRPO and its relatives as a whole, in miniature."""

import dataclasses
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
from torch import Tensor

from pipeline.align import grpo
from pipeline.align.grpo import Contest, advantages_of, by_model, by_rules, improve
from pipeline.align.ppo_rollout import Answers, Scale, pack_answers
from pipeline.align.rules import Asked
from pipeline.core.errors import PipelineError
from pipeline.tokens.special import END, IDS, PAD
from pipeline.train.stop import Interrupted
from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.methods import GROUPS
from tests.align.tiny import ordered, pairs, same, tiny, weights, workspace

PAPERS: dict[str, dict[str, Any]] = {  # as the entries of conf/align
    "grpo": {"advantage": "group", "loss": "grpo", "clip_high": 0.2},
    "dapo": {"advantage": "group", "loss": "dapo", "kl_coef": 0.0},
    "dr_grpo": {"advantage": "centered", "loss": "dr_grpo", "kl_coef": 0.0},
    "rloo": {"advantage": "leave_one_out", "loss": "dr_grpo", "kl_in": "reward"},
}
ASKED = [Asked(pair.prompt, None) for pair in pairs(10)]


def low_words(answers: Answers, asked: Sequence[Asked]) -> Tensor:
    """The share of words below 100: about a third, of a policy that knows nothing."""
    low = (answers.ids[:, 1:] < 100) & answers.mask
    return low.sum(1) / answers.mask.sum(1)


def alike(answers: Answers, asked: Sequence[Asked]) -> Tensor:
    """Sees no difference."""
    return torch.ones(len(answers.ids))


def contest(judge: grpo.Judge = low_words, **judges: grpo.Judge) -> Contest:
    return Contest(tiny(1), tiny(1), {"model": judge, **judges}, ASKED, methods.guards())


@pytest.mark.parametrize("name", PAPERS)
def test_each_relative_learns_what_the_judge_likes_and_twice_the_same(name: str, tmp_path: Path) -> None:
    sizes = {"rollout_batch": 32, "mini_batch_size": 16, "group_size": 4, "max_new_tokens": 3, "missing_eos_penalty": 0.0, "kl_coef": 0.01}
    recipe = dataclasses.replace(GROUPS.lasting(20), **(sizes | PAPERS[name]))
    metrics, history = improve(contest(), recipe, workspace(tmp_path / "one"))
    assert metrics["last"]["reward_model"] > metrics["first"]["reward_model"] + 0.15
    assert metrics["last"]["kl"] > 0
    assert abs(history[0]["kl"]) < 1e-5
    assert improve(contest(), recipe, workspace(tmp_path / "two")) == (metrics, history)


def test_a_run_that_was_asked_to_stop_goes_on_to_the_same_bits_and_history(tmp_path: Path, undisturbed: Undisturbed) -> None:
    whole = undisturbed("grpo")

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="after step 3"):
        methods.grpo(None, workspace(tmp_path / "stopped", stop_at))
    again = methods.grpo(None, workspace(tmp_path / "stopped"))
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)
    assert whole.metrics == again.metrics


def test_rewards_by_rules_twice_and_after_a_stop_the_same_bits(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    """Rules read texts, which a resumed run must sample anew."""
    asked = [Asked(one.prompt, lambda text: len(text) % 2 == 0) for one in ASKED]
    recipe = dataclasses.replace(GROUPS, missing_eos_penalty=0.0)

    def run(name: str, track: Callable[[int, dict[str, float]], None]) -> tuple[Any, Any]:
        given = dataclasses.replace(contest(), judges={"rule": by_rules(tokenizer)}, asked=asked)
        _, history = improve(given, recipe, workspace(tmp_path / name, track))
        return weights(given.policy), history

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    whole, history = run("whole", lambda step, values: None)
    with pytest.raises(Interrupted):
        run("stopped", stop_at)
    again, resumed = run("stopped", lambda step, values: None)
    assert same(whole, again)
    assert ordered(history) == ordered(resumed)
    assert not same(whole, weights(tiny(1)))


def test_groups_without_spread_move_nothing_and_are_counted(tmp_path: Path) -> None:
    """The second judge knows no difference either; an answer without end would make one."""
    recipe = dataclasses.replace(GROUPS, missing_eos_penalty=0.0)
    given = contest(alike, rule=alike)
    metrics, history = improve(given, recipe, workspace(tmp_path))
    assert metrics["dropped"] == 1.0
    assert [row["policy_loss"] for row in history] == [0.0] * recipe.steps
    assert all(torch.equal(one, other) for one, other in zip(given.policy.parameters(), tiny(1).parameters(), strict=True))


def test_the_policy_that_learns_begins_as_the_one_that_sampled(tmp_path: Path, undisturbed: Undisturbed) -> None:
    assert max(row["drift"] for row in undisturbed("grpo").history) < 1e-4


def test_log_probabilities_that_are_not_the_sampler_s_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temperature, a top_p, another precision in one of the two: the ratio would not begin at 1."""
    honest = grpo.logprobs_of

    def warmer(module: Any, answers: Answers) -> Tensor:
        return honest(module, answers) * (0.9 if torch.is_grad_enabled() else 1.0)

    monkeypatch.setattr(grpo, "logprobs_of", warmer)
    with pytest.raises(PipelineError, match=r"align\.dpo in step 1: sampled and learned log-probabilities differ by 0\.\d+ nats"):
        improve(contest(), GROUPS, workspace(tmp_path))


def test_two_kinds_of_reward_are_compared_apart_before_they_are_summed() -> None:
    """Else the one with the larger numbers drowns the other (trl 4841)."""
    recipe = dataclasses.replace(GROUPS, rollout_batch=6, advantage="group")
    rule = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    model = torch.tensor([900.0, 100.0, 500.0, 7.0, 7.0, 7.0])
    both, tells = advantages_of([rule, model], recipe)
    apart = [advantages_of([one], recipe)[0] for one in (rule, model)]
    torch.testing.assert_close(both, apart[0] + apart[1])
    assert both[:3].abs().max() < 1.5
    assert tells.tolist() == [True] * 3 + [False] * 3


def test_an_answer_that_is_cut_is_counted_and_pays(tmp_path: Path) -> None:
    """A tiny model seldom ends: with a judge that knows no difference the penalty alone tells those that do."""
    free, dear = (dataclasses.replace(GROUPS.lasting(1), max_new_tokens=40, missing_eos_penalty=penalty) for penalty in (0.0, 1.0))
    costless, _ = improve(contest(alike), free, workspace(tmp_path / "free"))
    costly, _ = improve(contest(alike), dear, workspace(tmp_path / "dear"))
    assert costless["first"]["ended"] == costly["first"]["ended"]
    assert 0 < costly["first"]["ended"] < 1
    assert costless["dropped"] == 1.0
    assert costly["dropped"] < 1.0


def test_the_reward_model_reads_the_end_that_it_was_trained_with_and_no_padding() -> None:
    judge = methods.fresh_reward()
    answers = pack_answers([[0, 9, 8], [0, 7]], [[30, 31], [40, 41, 42, 43]], max_new_tokens=4, device="cpu")
    found = by_model(judge, Scale(0.0, 1.0, 99.0, 0.0), batch=2)(answers, [])
    alone = [judge(input_ids=torch.tensor([ids])).logits.item() for ids in ([0, 9, 8, 30, 31, IDS[END]], [0, 7, 40, 41, 42, 43])]
    assert found.tolist() == pytest.approx(alone, rel=1e-4, abs=1e-6)
    assert IDS[PAD] != IDS[END]


def test_a_rule_reads_the_words_of_the_answer_and_nothing_else(tokenizer: tokenizers.Tokenizer) -> None:
    told: list[str] = []
    asked = [Asked([0, 9], lambda text: bool(told.append(text)) or text == "the cat"), Asked([0, 9], None)]
    said = tokenizer.encode("the cat", add_special_tokens=False).ids
    answers = pack_answers([one.prompt for one in asked], [said, said], max_new_tokens=len(said) + 1, device="cpu")
    assert by_rules(tokenizer)(answers, asked).tolist() == [1.0, 0.0]
    assert told == ["the cat"]


def test_what_can_not_be_is_refused_with_the_way_on() -> None:
    with pytest.raises(ValueError, match="rollout_batch 7 is no multiple of group_size 3; rollout_batch=6 is"):
        dataclasses.replace(GROUPS, rollout_batch=7)
    with pytest.raises(ValueError, match="kl_in=loss, or advantage=leave_one_out"):
        dataclasses.replace(GROUPS, kl_in="reward")
