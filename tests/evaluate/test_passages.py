"""Places in text where a right continuation can be told from wrong ones."""

import re
from collections import Counter

import pytest

from pipeline.core.seed import stream
from pipeline.evaluate.passages import LastWord, changed, last_words, sentences

TEXT = """Ada walked to the mill, and Bo gave her the red key of the harbour.

CHAPTER I

"Then," said the miller to Cy, "we shall all go home (together)."
A short line.

Nobody could say in which of the years it had been
that the old mill burned down—twice"""


def test_the_last_word_of_each_paragraph_is_found_where_it_stands_between_blanks() -> None:
    found = list(last_words(TEXT))
    assert [one.word for one in found] == ["harbour", "line"]  # a heading is too short; "down—twice" has no blank before its last word
    assert all(TEXT[one.start :].startswith(one.word) for one in found)


def test_text_without_blanks_has_no_last_words_and_no_sentences() -> None:
    text = "彼は静かに丘の上の家を出て海へ向かった。それから誰も見なかった。"
    assert (list(last_words(text)), list(sentences(text))) == ([], [])


def test_sentences_lie_in_one_line_and_have_some_words() -> None:
    assert [one.text for one in sentences(TEXT)] == [
        "Ada walked to the mill, and Bo gave her the red key of the harbour.",
        '"Then," said the miller to Cy, "we shall all go home (together)."',
    ]
    assert all(TEXT[one.start :].startswith(one.text) for one in sentences(TEXT))


@pytest.mark.parametrize("number", range(20))
def test_neighbours_are_exchanged_and_nothing_else(number: int) -> None:
    sentence = "Ada walked to the mill, and Bo gave her the red key."
    other = changed(sentence, "words", stream(1, "x", number))
    assert other is not None
    before, after = (re.findall(r"\w+", text) for text in (sentence, other))
    first, second = (place for place, (one, two) in enumerate(zip(before, after, strict=True)) if one != two)
    assert second - first == 1
    assert Counter(before) == Counter(after)
    assert (after[0], after[-1]) == ("Ada", "key")


@pytest.mark.parametrize("number", range(8))
def test_names_are_exchanged_but_not_the_first_word(number: int) -> None:
    sentence = "Then Ada's friend Bo met Cy, who knew Ada's house."
    other = changed(sentence, "names", stream(1, "x", number))
    assert other in {
        "Then Bo friend Ada's met Cy, who knew Ada's house.",
        "Then Cy friend Bo met Ada's, who knew Ada's house.",
        "Then Ada's friend Cy met Bo, who knew Ada's house.",
        "Then Ada's friend Ada's met Cy, who knew Bo house.",
        "Then Ada's friend Bo met Ada's, who knew Cy house.",
    }


def test_what_can_not_be_changed_is_none() -> None:
    assert changed("Never again, said she who stayed", "names", stream(1, "x")) is None
    assert changed("One, two, three, four, five, six.", "words", stream(1, "x")) is None
    assert changed("He had had had had it.", "words", stream(1, "x")) is None


def test_a_last_word_is_not_a_number_or_a_code() -> None:
    assert list(last_words("see the table of the values in section 12")) == []
    assert list(last_words("see the table of the values in x_y")) == []
    assert list(last_words("see the table of the values, don't")) == [LastWord(29, "don't")]


def test_a_megabyte_without_a_stop_or_a_blank_line_is_read_in_one_go() -> None:
    # in the square of the length it would take hours
    for text in ("word " * 200_000, "word\n" * 200_000, "\n " * 500_000, "x" * 1_000_000):
        assert len(list(last_words(text))) <= 1
        assert list(sentences(text)) == []
