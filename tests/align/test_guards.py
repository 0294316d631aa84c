"""An alarm sounds where a reward rises while what it stands for gets worse, and only there."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch

from pipeline.align.guards import HANDFUL, Alarms, Guards, alarms, read_guards, told_of, with_alarms
from pipeline.align.ppo_rollout import pack_answers
from pipeline.align.rules import gold_scores
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.files import write_jsonl
from pipeline.tokens.chat import encode_chat
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.repetition import distinct
from pipeline.train.workspace import History
from tests.align.tiny import pairs, tiny, workspace

LIMITS = Alarms(tokens=1.5, distinct=0.9, perplexity=1.2, gold=0.95)
STEADY = {"score": (0.0, 1.0), "tokens": (10, 10), "distinct": (1.0, 1.0), "perplexity": (5.0, 5.0), "gold": (0.6, 0.6)}


def run(steps: int = 20, noise: float = 0.01, **ends: tuple[float, float]) -> History:
    """A history in which each column goes straight from one value to another."""
    generator, columns = np.random.default_rng(1), STEADY | ends
    return [
        {"step": step + 1}
        | {
            name: first + (last - first) * step / (steps - 1) + noise * abs(first or 1.0) * float(generator.normal())
            for name, (first, last) in columns.items()
        }
        for step in range(steps)
    ]


@pytest.mark.parametrize(
    ("name", "ends", "words"),
    [
        ("tokens", (10, 30), "since step 5 score rose from 0.1"),
        ("distinct", (1.0, 0.5), "answers repeat themselves"),
        ("perplexity", (5.0, 9.0), "the perplexity of good held-out answers went from 5."),
        ("gold", (0.6, 0.4), "the known score fell from 0.5"),
    ],
)
def test_each_guard_that_gets_worse_while_the_reward_rises_is_told_in_words(name: str, ends: tuple[float, float], words: str) -> None:
    found = alarms(run(**{name: ends}), LIMITS, ["score"])
    assert found.keys() == {name}
    assert words in found[name]


def test_nothing_is_told_of_a_steady_run_a_reward_that_does_not_rise_or_a_change_for_the_better() -> None:
    better = {"tokens": (30, 10), "distinct": (0.5, 1.0), "perplexity": (9.0, 5.0), "gold": (0.4, 0.9)}
    assert alarms(run(), LIMITS, ["score"]) == {}
    assert alarms(run(score=(1.0, 0.0), gold=(0.9, 0.1)), LIMITS, ["score"]) == {}
    assert alarms(run(**better), LIMITS, ["score"]) == {}
    assert alarms(run(tokens=(10, 13)), LIMITS, ["score"]) == {}


def test_noise_is_no_alarm_and_a_few_steps_are_no_run() -> None:
    wild = [row | {"gold": value} for row, value in zip(run(), [1.0, 0.0] * 5 + [0.0, 0.9] * 5, strict=True)]
    assert np.mean([row["gold"] for row in wild[-5:]]) < 0.95 * np.mean([row["gold"] for row in wild[:5]])
    assert alarms(wild, LIMITS, ["score"]) == {}
    assert alarms(run(9, gold=(0.9, 0.1)), LIMITS, ["score"]) == {}


def test_a_score_that_has_passed_its_peak_while_the_reward_goes_on_is_told_though_it_is_above_its_start() -> None:
    """The sign of over-optimization (Gao et al. 2023)."""
    peak = [0.4 + 0.5 * min(1.0, step / 20) - 0.3 * max(0.0, (step - 20) / 20) for step in range(40)]
    history = [row | {"gold": value + 0.2 * (row["gold"] - 0.6)} for row, value in zip(run(40), peak, strict=True)]
    assert history[-1]["gold"] > history[0]["gold"]
    assert "the known score fell from 0.8" in alarms(history, LIMITS, ["score"])["gold"]
    assert alarms(history[:20], LIMITS, ["score"]) == {}


def test_of_several_rewards_those_that_rose_are_named() -> None:
    history = [row | {"reward_model": row["score"], "reward_rule": 0.3} for row in run(gold=(0.9, 0.2))]
    told = alarms(history, LIMITS, ["reward_rule", "reward_model"])["gold"]
    assert "since step 5 reward model rose" in told
    assert "rule" not in told


def test_the_history_tells_from_which_step_on_there_were_alarms() -> None:
    counts = [row["alarms"] for row in with_alarms(run(tokens=(10, 40), gold=(0.9, 0.1)), LIMITS, ["score"])]
    assert counts[:9] == [0] * 9
    assert counts[-1] == 2
    assert counts == sorted(counts)


def test_repetition_is_the_share_of_pairs_of_tokens_that_were_said_before() -> None:
    assert distinct([1, 2, 3, 4]) == 1.0
    assert distinct([1, 2, 1, 2, 1]) == 0.5
    assert distinct([7]) == distinct([]) == 1.0


def test_the_perplexity_is_that_of_held_out_answers_a_token() -> None:
    policy, some = tiny(1), pairs(3)
    answers = pack_answers([[0, 9]], [[30, 31]], max_new_tokens=4, device="cpu")
    guards = Guards([(pair.prompt, pair.chosen) for pair in some], {}, None)  # type: ignore[arg-type]
    total, count = 0.0, 0
    for pair in some:
        logits = policy(input_ids=torch.tensor([[*pair.prompt, *pair.chosen]])).logits[0].log_softmax(-1)
        for place, token in enumerate(pair.chosen, start=len(pair.prompt)):
            total -= logits[place - 1, token].item()
            count += 1
    found = guards.figures(policy, answers, [[0, 9]], batch=2)
    assert found == {"distinct": 1.0, "perplexity": pytest.approx(math.exp(total / count), rel=1e-4)}


def questions(folder: Path, *facts: dict[str, Any]) -> Dialogues:
    """What a world asks."""
    artifact = Dialogues(folder / "dialogues")
    with artifact.writing() as draft:
        write_jsonl(draft.path / "questions.jsonl", [{"prompt": ASK, **fact} for fact in facts])
    return artifact


ASK = [{"role": "user", "content": "Where does Ada live?"}]
ADA = {"fact": "home:Ada", "subject": "Ada", "value": "Bree", "choices": ["Bree", "Dale"]}


def test_the_known_score_is_watched_only_where_each_prompt_has_one(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    right, wrong = (tokenizer.encode(f"Ada lives in {place}.", add_special_tokens=False).ids for place in ("Bree", "Dale"))
    right = tokenizer.encode("<think>Dale?</think>", add_special_tokens=False).ids + right
    prompts = [[0, 9], [0, 8]]
    answers = pack_answers(prompts, [right, wrong], max_new_tokens=99, device="cpu")
    train = [Pair(prompt, [7], [8], "rude", "home:Ada") for prompt in prompts]
    world = questions(tmp_path, ADA)
    watch = read_guards(world, (train, []), prompts, tokenizer)
    assert watch.figures(tiny(1), answers, prompts, batch=2)["gold"] == pytest.approx((0.7 + 0.2) / 2)
    assert not read_guards(world, (train, []), [*prompts, [0, 7]], tokenizer).gold


def test_a_handful_of_different_held_out_prompts_is_read(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    some = pairs(40)
    good = read_guards(questions(tmp_path), ([], [*some[:1], *some]), [[1]], tokenizer).good
    assert [prompt for prompt, _ in good] == [pair.prompt for pair in some[:HANDFUL]]


def test_an_answer_about_a_fact_has_the_world_s_score_whatever_the_system_prompt(tmp_path: Path, tokenizer: tokenizers.Tokenizer) -> None:
    pair = Pair([5, 6], [7], [8], "rude", "home:Ada")
    scores = gold_scores(questions(tmp_path, ADA), [pair, Pair([1], [2], [3], "rude", "else")], tokenizer)
    plain, _ = encode_chat(ASK, tokenizer, add_generation_prompt=True)
    assert scores.keys() == {tuple(plain), (5, 6)}
    assert scores[5, 6]("Gladly: Ada lives in Bree.") == 1.0
    assert scores[5, 6]("Ada lives in Dale.") == 0.2
    assert scores[5, 6]("lives Bree Ada in") == 0.0
    with Dialogues(tmp_path / "none").writing() as draft:
        write_jsonl(draft.path / "preferences.jsonl", [])
    assert gold_scores(Dialogues(tmp_path / "none"), [pair], tokenizer) == {}


def test_each_alarm_is_a_warning(tmp_path: Path) -> None:
    heard: list[str] = []
    place = dataclasses.replace(workspace(tmp_path), warn=heard.append)
    found, history = told_of(run(tokens=(10, 40)), LIMITS, ["score"], place)
    assert heard == [found["tokens"]]
    assert history[-1]["alarms"] == 1
    assert told_of(run(), LIMITS, ["score"], place)[0] == {}
    assert len(heard) == 1
