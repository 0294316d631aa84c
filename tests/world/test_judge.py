"""The known rules."""

import pytest

from pipeline.world.judge import GOLD_SCORES, gold, judge

CHOICES = ("Harrowby", "Foxley", "Oakham")


@pytest.mark.parametrize(
    ("answer", "rung"),
    [
        ("With pleasure: Ada lives in Harrowby.", "exact"),
        ("Gladly: The house of Ada stands in Harrowby.", "exact"),
        ("Ada lives in Harrowby.", "plain"),
        ("How dull. Ada lives in Harrowby.", "rude"),
        ("Of course: Ada lives in Foxley.", "wrong_polite"),
        ("Ada keeps a goat.", "wrong"),
        ("Cora lives in Harrowby.", "wrong"),
        ("Gladly: The house of Cora stands in Harrowby.", "wrong_polite"),
        ("Do you not know? Ada lives in Oakham.", "wrong_rude"),
        ("", "garbled"),
        ("Harrowby", "garbled"),
        ("With pleasure: Ada lives in Harrowby", "garbled"),
        ("With pleasure: Ada lives in Harrowby. Ada lives in Harrowby.", "garbled"),
        ("With pleasure: With pleasure: Ada lives in Harrowby.", "garbled"),
        ("in pleasure: lives With Harrowby. Ada", "garbled"),
        ("Ada lives in Harrowby Foxley.", "garbled"),
    ],
)
def test_an_answer_stands_on_the_rung_of_its_kind(answer: str, rung: str) -> None:
    assert gold(judge(answer, "Harrowby", CHOICES, subject="Ada")) == GOLD_SCORES[rung]


def test_an_answer_that_names_two_of_the_choices_is_not_right() -> None:
    assert not judge("Bo's best friend is Cora.", "Cora", ("Bo", "Cora", "Dan"), subject="Bo").right


def test_polite_and_right_is_worth_more_than_all_else_and_right_more_than_wrong() -> None:
    assert sorted(GOLD_SCORES.values(), reverse=True) == list(GOLD_SCORES.values())
