"""PPO as a whole, in miniature."""

import dataclasses
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch

from pipeline.align import ppo, ppo_rollout
from pipeline.align.ppo_losses import masked_mean, policy_loss, value_loss
from pipeline.align.ppo_rollout import Answers, Scale, logprobs_of, pack_answers, read_by, sample_answers, scale_of, scores_of, values_of
from pipeline.align.rules import Asked
from pipeline.core.errors import PipelineError
from pipeline.model.build import build
from pipeline.model.score import answer_logprobs
from pipeline.tokens.special import END, IDS, PAD
from pipeline.train.precision import products
from pipeline.train.stop import Interrupted
from tests.align import methods
from tests.align.conftest import Undisturbed
from tests.align.tiny import VOCABULARY, ordered, pairs, same, tiny, words, workspace
from tests.model.every_kind import shape_of

PLAIN = Scale(0.0, 1.0, 99.0, 0.0)
PROMPTS = [[0, 9, 8], [0, 7], [0, 20, 21, 22, 23]]
WRITTEN = [[30, 31], [], [40, 41, 42, 43]]  # in a room of 4: the first two ended, the last did not


def answers() -> Answers:
    return pack_answers(PROMPTS, WRITTEN, max_new_tokens=4, device="cpu")


def wider(some: Answers, by: int) -> Answers:
    """The same answers with more padding."""
    fill = torch.full((len(some.ids), by), IDS[PAD])
    none = torch.zeros_like(fill).bool()
    return Answers(
        *(torch.cat([one, more], 1) for one, more in zip((some.ids, some.real, some.mask), (fill, none, none), strict=True)), some.ended
    )


def test_what_counts_is_what_the_policy_wrote_and_its_end() -> None:
    found = answers()
    counted = [row[1:][mask].tolist() for row, mask in zip(found.ids, found.mask, strict=True)]
    assert counted == [[30, 31, IDS[END]], [IDS[END]], [40, 41, 42, 43]]
    assert found.ended.tolist() == [True, True, False]


def test_the_log_probabilities_are_those_of_the_scoring_room() -> None:
    found = answers()
    logprobs = logprobs_of(tiny(1), found)
    ended = [[*written, *[IDS[END]] * stop] for written, stop in zip(WRITTEN, found.ended.tolist(), strict=True)]
    expected = answer_logprobs(tiny(1), list(zip(PROMPTS, ended, strict=True)), batch=1)
    torch.testing.assert_close((logprobs * found.mask).sum(1), expected)


def test_padding_changes_neither_a_loss_nor_a_value_nor_a_score() -> None:
    narrow, wide = answers(), wider(answers(), by=7)
    judge = methods.fresh_reward()

    def figures(some: Answers) -> list[float]:
        logprobs, (_, entropies) = logprobs_of(tiny(1), some), read_by(tiny(1), some)
        values = values_of(judge, some, PLAIN)
        ones = torch.ones_like(values)
        return [
            policy_loss(logprobs, logprobs * 0.9, ones, some.mask, clip=(0.2, 0.2))[0].item(),
            value_loss(values, values * 0.9, ones, some.mask, clip=0.2).item(),
            masked_mean(entropies, some.mask).item(),
            scores_of(judge, some, PLAIN, missing_eos_penalty=1.0, batch=9).sum().item(),
        ]

    assert figures(wide) == pytest.approx(figures(narrow), rel=1e-5)


def test_the_critic_s_last_value_is_not_the_judge_s_verdict_but_its_forerunner() -> None:
    """A copy of the judge reads, before the last token, what the judge would say if the answer stopped there."""
    judge, found = methods.fresh_reward(), answers()
    values = values_of(judge, found, PLAIN)
    before_end = judge(input_ids=torch.tensor([[0, 9, 8, 30, 31]])).logits[0, 0]
    torch.testing.assert_close(values[0, 4], before_end)


def test_an_answer_without_end_pays_and_a_score_is_bounded() -> None:
    judge = methods.fresh_reward()
    free, dear = (scores_of(judge, answers(), PLAIN, missing_eos_penalty=penalty, batch=9) for penalty in (0.0, 2.5))
    torch.testing.assert_close(free - dear, torch.tensor([0.0, 0.0, 2.5]))
    assert Scale(10.0, 2.0, 4.0, 10.0)(torch.tensor([14.0, 99.0])).tolist() == [2.0, 4.0]


def test_the_judge_has_mean_zero_and_deviation_one_over_the_preferences() -> None:
    judge, some = methods.fresh_reward(), pairs(20)
    scale = scale_of(judge, some, clip=4.0, batch=4)
    sequences = [[*pair.prompt, *answer] for pair in some for answer in (pair.chosen, pair.rejected)]
    rewards = np.array([judge(input_ids=torch.tensor([ids])).logits.item() for ids in sequences])
    assert (scale.mean, scale.deviation) == pytest.approx((rewards.mean(), rewards.std()), rel=1e-4)


def test_a_run_that_was_asked_to_stop_goes_on_to_the_same_bits_and_history(tmp_path: Path, undisturbed: Undisturbed) -> None:
    whole = undisturbed("ppo")

    def stop_at(step: int, values: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="after step 3"):
        methods.ppo(None, workspace(tmp_path / "stopped", stop_at))
    again = methods.ppo(None, workspace(tmp_path / "stopped"))
    assert same(whole.weights, again.weights)
    assert ordered(whole.history) == ordered(again.history)
    assert whole.metrics == again.metrics


def test_it_starts_where_the_reference_stands(tmp_path: Path) -> None:
    first = methods.ppo(None, workspace(tmp_path)).history[0]
    assert abs(first["kl"]) < 1e-5
    assert first["clipped"] < 1.0


@pytest.mark.parametrize("batch", [3, 1])
def test_the_sampler_tells_what_reading_its_answers_would(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tiny(1)
    with monkeypatch.context() as nothing_is_read_again:
        nothing_is_read_again.delattr(ppo_rollout, "read_by")
        found, logprobs, entropies = sample_answers(policy, PROMPTS, max_new_tokens=4, seed=1, batch=batch)
    torch.testing.assert_close((logprobs, entropies), read_by(policy, found), rtol=0, atol=1e-5)
    assert (logprobs < 0).equal(found.mask)


def test_a_sampler_that_rounds_elsewhere_is_not_believed() -> None:
    """In half precision, and where layers are not as the decoder computes them, the answers are read as they are learned from."""
    for policy, half in ((tiny(1), True), (build(shape_of("gpt2"), vocabulary=VOCABULARY, seed=1), False)):
        with products("bf16" if half else "fp32", "cpu"), torch.no_grad():
            found, *told = sample_answers(policy, PROMPTS, max_new_tokens=4, seed=1, batch=3)
            assert all(map(torch.equal, told, read_by(policy, found)))


def test_log_probabilities_that_are_not_the_sampler_s_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppo, "logprobs_of", lambda module, some: logprobs_of(module, some) * (0.9 if torch.is_grad_enabled() else 1.0))
    with pytest.raises(PipelineError, match=r"align\.dpo in step 1: sampled and learned log-probabilities differ by 0\.\d+ nats"):
        methods.ppo(None, workspace(tmp_path))


def test_a_policy_learns_what_the_judge_likes(tmp_path: Path) -> None:
    """A judge that likes one word: after some steps the policy says it more often."""
    liked, generator = 50, np.random.default_rng(1)
    judge = methods.fresh_reward()
    with torch.no_grad():
        embedding = judge.get_input_embeddings().weight
        embedding[liked] = 3 * judge.score.weight[0] / judge.score.weight[0].norm()
        judge.score.weight *= 5
    prompts = [[0, *words(generator, 2, 6)] for _ in range(16)]
    scale = Scale(0.0, 1.0, 4.0, 0.0)
    settings = dataclasses.replace(
        methods.SETTINGS.lasting(16), rollout_batch=32, mini_batch_size=8, max_new_tokens=3, kl_coef=0.001, kl_target=99.0
    )
    players = ppo.Players(policy=tiny(1), critic=methods.fresh_reward(), reference=tiny(1), reward=judge, guards=methods.guards())
    metrics, _ = ppo.improve(players, prompts, scale, settings, workspace(tmp_path))
    assert metrics["last"]["score"] > metrics["first"]["score"] + 0.5
    assert metrics["last"]["kl"] > 0

    def right(answers: Answers, asked: Sequence[list[int]]) -> list[bool]:
        return [bool(liked in row[1:][mask]) for row, mask in zip(answers.ids, answers.mask, strict=True)]

    by_rule = dataclasses.replace(players, policy=tiny(1), critic=methods.fresh_reward(), reward=None, right=right)
    metrics, history = ppo.improve(by_rule, prompts, scale, settings, workspace(tmp_path / "rule"))
    assert metrics["last"]["right"] > metrics["first"]["right"] + 0.2
    assert all(row["score"] <= 2 * row["right"] - 1 for row in history), "less what missing ends cost"


def test_each_constant_of_the_recipe_is_taken_from_it(tmp_path: Path) -> None:
    """Two steps each: what a value changes in the history, and that a step's updates end where the policy has gone far enough."""
    judge, scale = methods.fresh_reward(), Scale(0.0, 1.0, 4.0, 0.0)
    prompts = [[0, *words(np.random.default_rng(1), 2, 6)] for _ in range(8)]

    def played(**own: Any) -> list[dict[str, float]]:
        settings = dataclasses.replace(methods.SETTINGS.lasting(2), rollout_batch=8, mini_batch_size=2, max_new_tokens=3, **own)
        players = ppo.Players(policy=tiny(1), critic=methods.fresh_reward(), reference=tiny(1), reward=judge, guards=methods.guards())
        name = "_".join(f"{key}{value}" for key, value in own.items()) or "plain"
        return list(ppo.improve(players, prompts, scale, settings, workspace(tmp_path / name))[1])

    plain = played()
    assert plain[0]["approx_kl"] > 0, "later updates find a policy that has moved"
    assert "updates" not in plain[0]
    (stopped, _), (whole, _) = played(stop_kl=1e-9), played(stop_kl=1e9)
    assert (stopped["updates"], whole["updates"]) == (2, 4), "the first finds the policy that answered, the second finds it moved"
    assert {**whole, "updates": None} == {**plain[0], "updates": None}
    assert played(ppo_epochs=2, stop_kl=1e9)[0]["updates"] == 8
    assert [row["kl_coef"] for row in played(kl_target=None)] == [methods.SETTINGS.kl_coef] * 2
    assert plain[1]["kl_coef"] != methods.SETTINGS.kl_coef
    for change in (
        {"gae_lambda": 0.0},
        {"gamma": 0.5},
        {"whiten_rewards": True},
        {"value_clip": None},
        {"beta2": 0.5},
        {"clip_high": 0.001},
    ):
        assert played(**change) != plain, change


def test_the_reward_is_the_model_s_number_the_rule_s_verdict_or_their_sum(tokenizer: tokenizers.Tokenizer) -> None:
    texts = [tokenizer.decode(ids) for ids in WRITTEN]
    asked = [Asked(prompt, lambda text, wanted=texts[0]: text == wanted) for prompt in PROMPTS]
    given = {"policy": tiny(1), "critic": None, "reference": tiny(1), "guards": methods.guards()}
    model, rule = methods.fresh_reward(), ppo.by_rules(asked, tokenizer)
    assert rule(answers(), PROMPTS) == [True, False, False]
    costly = dataclasses.replace(methods.SETTINGS, missing_eos_penalty=0.5)

    def scores(**judges: Any) -> torch.Tensor:
        return ppo.Players(**given, **judges).scores(answers(), PROMPTS, PLAIN, costly, batch=2)[0]

    assert scores(reward=None, right=rule).tolist() == [1.0, -1.0, -1.5], "the last one did not end"
    own = scores(reward=model)
    torch.testing.assert_close(own, scores_of(model, answers(), PLAIN, missing_eos_penalty=0.5, batch=9))
    torch.testing.assert_close(scores(reward=model, right=rule), own + torch.tensor([1.0, -1.0, -1.0]))


def test_an_end_beyond_its_bound_fails_with_the_way_on(tmp_path: Path) -> None:
    place = workspace(tmp_path, section="align.ppo")
    place.refuse_end("KL", 3.0, most=None, key="max_kl")
    place.refuse_end("KL", None, most=1.0, key="max_kl")
    place.refuse_end("KL", 1.0, most=1.0, key="max_kl")
    for value in (3.0, float("nan"), float("inf")):
        with pytest.raises(PipelineError, match=r"align\.ppo ends with a KL") as fault:
            place.refuse_end("KL", value, most=1.0, key="max_kl")
        assert "align.ppo.max_kl=null" in fault.value.mend
