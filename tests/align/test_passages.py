"""Thoughts that foretell text: which passages are asked, what a thought gains, and what it is measured by."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.align import passages
from pipeline.align.grpo import Contest, improve
from pipeline.align.passages import (
    Foretelling,
    Passage,
    by_beginning,
    by_passage,
    gains,
    measured,
    passages_of,
    plainly,
    refuse_beyond_context,
    thought_of,
)
from pipeline.align.ppo_rollout import pack_answers
from pipeline.align.rules import Asked
from pipeline.core.errors import PipelineError
from pipeline.model.score import answer_logprobs
from pipeline.tokens.special import END, IDS
from pipeline.tokens.thinking import Thinking
from pipeline.train.precision import products
from tests.align import methods
from tests.align.tiny import same, tiny, weights, workspace

OPEN, CLOSE = 268, 269
RECIPE = Foretelling(
    **{name: value for name, value in vars(methods.GROUPS).items() if name != "max_new_tokens"},
    max_new_tokens=4,
    shown=5,
    foretold=3,
    passages=40,
    held_out=8,
)


def rows(*sizes: int) -> Any:
    """Documents of so many tokens with BOS, whose tokens count up."""
    texts = [np.array([0, *(100 + np.arange(size - 1) % 150)]) for size in sizes]
    return SimpleNamespace(sizes=np.array(sizes), document=lambda number: texts[number])


def made(count: int) -> list[Passage]:
    generator = np.random.default_rng(count)
    return [
        Passage([0, 3, *generator.integers(6, 260, 5).tolist(), 5, 4, OPEN], generator.integers(6, 260, 3).tolist(), n)
        for n in range(count)
    ]


def test_passages_are_whole_stand_in_the_chat_format_and_come_from_every_place() -> None:
    found = passages_of(rows(9, 4, 11, 8), RECIPE, most=400, opening=OPEN)
    assert {(one.document, one.prompt[2]) for one in found} == {(0, 100), (2, 100), (2, 101), (2, 102)}
    assert all(one.prompt[:2] == [0, 3] and one.prompt[-3:] == [5, 4, OPEN] for one in found)
    assert all([*one.prompt[2:-3], *one.rest] == list(range(one.prompt[2], one.prompt[2] + 8)) for one in found)
    assert passages_of(rows(8, 3), RECIPE, most=9, opening=OPEN) == passages_of(rows(), RECIPE, most=9, opening=OPEN) == []


def test_a_thought_gains_what_it_adds_to_the_likelihood_of_the_rest_and_is_closed_where_it_has_no_end() -> None:
    reference, some = tiny(1), made(3)
    plain = plainly(reference, some, CLOSE, 2)
    thoughts = [[50, 60], [7, 8, 9, 10], []]
    found = gains(reference, some, thoughts, plain, closing=CLOSE, batch=2)
    behind = answer_logprobs(
        reference, [([*some[0].prompt, 50, 60, CLOSE], some[0].rest), ([*some[0].prompt, CLOSE], some[0].rest)], batch=1
    )
    assert found[0].item() == pytest.approx((behind[0] - behind[1]).item() / 3, abs=1e-6)
    assert [bool(one) for one in found] == [True, True, False]
    written = [[7, 8, CLOSE, 9], [7, 8], [7, IDS[END]], [CLOSE]]
    assert [thought_of(ids, CLOSE) for ids in written] == [[7, 8], [7, 8], [7], []]
    answers = pack_answers([one.prompt for one in some], [[50, 60, CLOSE, 9], [7, 8, 9, 10], [CLOSE, 9]], max_new_tokens=4, device="cpu")
    judged = by_passage(reference, some, closing=CLOSE, batch=2)(answers, [Asked(one.prompt, None) for one in some])
    torch.testing.assert_close(judged, found)
    judge = by_passage(reference, some, closing=CLOSE, batch=2)
    with products("bf16", "cpu"):  # both sides of a gain alike
        told, plain = judge(answers, [Asked(one.prompt, None) for one in some]), plainly(reference, some, CLOSE, 2)
        assert told.tolist() == gains(reference, some, thoughts, plain, closing=CLOSE, batch=2).tolist() != found.tolist()


def test_passages_that_begin_alike_are_one() -> None:
    first, second = made(2)
    assert by_beginning([first, dataclasses.replace(first, rest=[9, 9, 9]), second]) == [first, second]


def test_closed_thoughts_are_learned_from_and_twice_the_same(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE.lasting(4), rollout_batch=48, mini_batch_size=24, max_new_tokens=8, missing_eos_penalty=0.0)

    def run(folder: str) -> tuple[Any, Any]:
        policy, some = tiny(1), made(10)
        judges = {passages.NAME: by_passage(tiny(1), some, closing=CLOSE, batch=8)}
        contest = Contest(policy, tiny(1), judges, [Asked(one.prompt, None) for one in some], methods.guards())
        return improve(contest, recipe, workspace(tmp_path / folder)), weights(policy)

    ((metrics, history), learned), (again, other) = run("one"), run("two")
    assert (metrics, history) == again
    assert same(learned, other)
    assert not same(learned, weights(tiny(1)))
    assert any(row["reward_passage"] != 0 and row["dropped"] < 1 for row in history)


def test_held_out_passages_tell_the_gain_of_both_models_and_its_change() -> None:
    thinking = Thinking(opening=OPEN, closing=CLOSE, budget=4)
    told = measured({"before": tiny(1), "after": tiny(2)}, tiny(1), made(6), thinking, RECIPE)
    assert told["n"] == 6
    assert told["change"] == pytest.approx(told["after"] - told["before"])
    assert told["change_low"] <= told["change"] <= told["change_high"]
    assert measured({"before": tiny(1), "after": tiny(1)}, tiny(1), made(6), thinking, RECIPE)["change"] == 0.0
    assert measured({}, tiny(1), [], thinking, RECIPE) == {}


def test_what_the_model_can_not_read_is_refused_with_the_length_that_it_can() -> None:
    refuse_beyond_context(RECIPE, 18, section="align.passages")
    with pytest.raises(PipelineError) as fault:
        refuse_beyond_context(RECIPE, 17, section="align.passages")
    assert fault.value.mend == "align.passages.max_new_tokens=3"
