"""A thinking budget: what it leaves alone, and what it forces."""

import pytest
from transformers import PreTrainedModel

from pipeline.model.generate import generate, think
from pipeline.tokens.thinking import Thinking

OPEN, CLOSE, NEW = 50, 60, 24
PROMPTS = [[0, 3, 80, 4, OPEN], [0, 3, 70, 4], [0, 3, *range(80, 95), 4, OPEN, CLOSE, OPEN], [0, OPEN, CLOSE], [0, 3, 61, 4, OPEN]] * 3


def written(module: PreTrainedModel, budget: int, *, batch: int = 16, new: int = NEW, temperature: float = 1.0) -> list[list[int]]:
    thinking = Thinking(opening=OPEN, closing=CLOSE, budget=budget)
    return think(module, PROMPTS, thinking, max_new=new, temperature=temperature, seed=5, batch=batch)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_where_no_thought_exceeds_the_budget_the_answers_are_those_without_one(module: PreTrainedModel, temperature: float) -> None:
    free = generate(module, PROMPTS, max_new=NEW, temperature=temperature, seed=5, batch=16)
    assert written(module, NEW, temperature=temperature) == free
    assert any(len(answer) == NEW for answer in free)


@pytest.mark.parametrize("budget", [0, 1, 5])
def test_a_thought_is_closed_after_the_budget_and_is_unforced_until_then(module: PreTrainedModel, budget: int) -> None:
    free, forced = written(module, NEW), written(module, budget)
    for prompt, whole, some in zip(PROMPTS, free, forced, strict=True):
        begun = prompt[-1] == OPEN and CLOSE not in whole[:budget] and len(whole) > budget
        if begun:
            assert some[: budget + 1] == [*whole[:budget], CLOSE]
    within = [_within(prompt, answer) for prompt, answer in zip(PROMPTS, forced, strict=True)]
    assert max(within) == budget
    assert any(len(answer) > budget + 1 for answer in forced)  # and an answer follows


def test_a_forced_answer_does_not_depend_on_its_batch(module: PreTrainedModel) -> None:
    assert written(module, 3) == written(module, 3, batch=1)


def test_an_answer_that_opens_a_thought_itself_is_held_to_the_budget(module: PreTrainedModel) -> None:
    opened = next(answer for answer in generate(module, PROMPTS[1:2] * 9, max_new=NEW, temperature=1, seed=5, batch=9) if len(answer) > 9)
    thinking = Thinking(opening=opened[2], closing=CLOSE, budget=2)
    found = think(module, PROMPTS[1:2] * 9, thinking, max_new=NEW, temperature=1, seed=5, batch=9)
    assert [*opened[:5], CLOSE] in [answer[:6] for answer in found]


def _within(prompt: list[int], answer: list[int]) -> int:
    """Tokens between the two, counted one by one."""
    inside, count = prompt[-1] == OPEN, 0
    for token in answer:
        if token == CLOSE:
            inside = False
        elif inside:
            count += 1
        inside = inside or token == OPEN
    return count
