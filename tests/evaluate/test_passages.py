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
def test_names_are_exchanged_but_not_what_begins_the_sentence(number: int) -> None:
    sentence = "Then Ada's friend Bo Mill wrote to Mr. Cy, who knew Dee and Eve."
    other = changed(sentence, "names", stream(1, "x", number))
    assert other in {
        "Then Bo Mill friend Ada's wrote to Mr. Cy, who knew Dee and Eve.",
        "Then Mr. Cy friend Bo Mill wrote to Ada's, who knew Dee and Eve.",
        "Then Dee friend Bo Mill wrote to Mr. Cy, who knew Ada's and Eve.",
        "Then Eve friend Bo Mill wrote to Mr. Cy, who knew Dee and Ada's.",
        "Then Ada's friend Mr. Cy wrote to Bo Mill, who knew Dee and Eve.",
        "Then Ada's friend Dee wrote to Mr. Cy, who knew Bo Mill and Eve.",
        "Then Ada's friend Eve wrote to Mr. Cy, who knew Dee and Bo Mill.",
        "Then Ada's friend Bo Mill wrote to Dee, who knew Mr. Cy and Eve.",
        "Then Ada's friend Bo Mill wrote to Eve, who knew Dee and Mr. Cy.",
    }


@pytest.mark.parametrize("sentence", ["They met Ada and Bo at the mill.", "They came to New York, Boston, and the sea."])
def test_names_that_are_only_joined_are_not_exchanged(sentence: str) -> None:
    assert changed(sentence, "names", stream(1, "x")) is None


def test_letters_with_marks_and_letters_without_case_are_words() -> None:
    assert [one.word for one in last_words("वह गाँव के पास की पुरानी नदी।")] == ["नदी"]
    assert [one.word for one in last_words("they all went to the old cafe\u0301.")] == ["cafe\u0301"]
    (arabic,) = sentences("ذهب الولد إلى المدرسة في الصباح الباكر.")
    other = changed(arabic.text, "words", stream(1, "x"))
    assert other not in {None, arabic.text}


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
    assert len(list(sentences("Ada went to the mill by the sea. " * 60_000))) == 60_000
    for text in ("word " * 200_000, "word\n" * 200_000, "\n " * 500_000, "x" * 1_000_000):
        assert len(list(last_words(text))) <= 1
        assert list(sentences(text)) == []
