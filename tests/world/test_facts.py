"""What is true in the world."""

from collections import Counter

import pytest

from pipeline.core.errors import PipelineError
from pipeline.world import words
from pipeline.world.facts import draw_facts, read_facts


def test_the_facts_are_a_function_of_the_seed() -> None:
    assert draw_facts(32, 16, 1) == draw_facts(32, 16, 1)
    assert draw_facts(32, 16, 1) != draw_facts(32, 16, 2)


def test_values_are_spread_evenly_so_that_guessing_the_commonest_gains_nothing() -> None:
    facts = draw_facts(32, 16, 1)
    for relation in ("home", "pet", "trade"):
        assert set(Counter(fact.value for fact in facts.table if fact.relation == relation).values()) == {2}


def test_nobody_is_a_friend_of_oneself() -> None:
    assert all(fact.subject != fact.value for fact in draw_facts(8, 6, 3).table)


def test_the_facts_come_back_from_their_json() -> None:
    facts = draw_facts(8, 6, 3)
    assert read_facts(facts.as_json()) == facts


def test_a_world_too_large_for_its_names_says_which_key_to_change() -> None:
    with pytest.raises(PipelineError, match=r"corpus\.world\.people"):
        draw_facts(33, 16, 1)


def test_the_classes_of_content_words_share_no_word() -> None:
    classes = [words.NOUNS, words.ADJECTIVES, words.ACTS, words.STIRS, words.MANNERS]
    everything = [word for words_of_class in classes for word in words_of_class]
    assert len(everything) == len(set(everything))


def test_every_value_may_follow_the_article_a() -> None:
    assert not [value for value in (*words.ANIMALS, *words.COLOURS, *words.TRADES, *words.EVENTS, *words.LANDS) if value[0] in "aeiou"]
