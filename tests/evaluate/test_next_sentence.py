"""The next sentence against one of another book: which ones are compared, and what counts."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.artifact.split import TEXTS, Split
from pipeline.evaluate.items import Continued
from pipeline.evaluate.kinds.next_sentence import NextSentence
from pipeline.model.disk import load

HOW = {"kind": "next_sentence", "items": 30, "ngram": 2}
STYLE, GENRE = NextSentence(kept="style", **HOW), NextSentence(kept="genre", **HOW)
MARKS = {"a": "old", "b": "red", "c": "fox", "d": "hill"}  # a word that each document's sentences begin with


@pytest.fixture
def four_books(given, tmp_path):
    """Two books of letters and two of tales; each sentence begins with its book's word."""
    target = Split(tmp_path / "split")
    said = {name: " ".join(f"{mark} went over the hill and {'told ' * (at % 4)}{at}." for at in range(30)) for name, mark in MARKS.items()}
    rows = [{"id": name, "source": "letters" if name in "ab" else "tales", "text": text, "bits": None} for name, text in said.items()]
    target.write({part: pa.Table.from_pylist(rows, schema=TEXTS) for part in ("train", "val", "test")}, sides={})
    return replace(given("base"), split=target)


@pytest.mark.parametrize(("task", "others"), [(STYLE, {"a": "b", "b": "a", "c": "d", "d": "c"}), (GENRE, {"a": "cd", "c": "ab"})])
def test_the_other_sentence_is_of_another_book_of_the_source_or_of_another_source(four_books, task, others) -> None:
    items = task.read("next", four_books)
    assert len(items) == 30
    for item in items:
        right, wrong = (four_books.tokenizer.decode(ids).split()[0] for ids in item.choices)
        assert right == MARKS[item.cluster]
        assert wrong in {MARKS[name] for name in others.get(item.cluster, "cd" if item.cluster == "b" else "ab")}
        assert item.prior == four_books.codec.start
    assert items == task.read("next", four_books)


def test_a_sentence_that_is_likely_anywhere_wins_nothing(four_books) -> None:
    item = STYLE.read("next", four_books)[0]
    scores = [Continued(-20.0, False, prior=-30.0), Continued(-10.0, False, prior=-9.0)]
    assert [measure.points(item, scores) for measure in STYLE.measures.values()] == [1.0, 0.0]


def test_a_model_and_an_n_gram_are_judged_and_one_source_has_no_genre_to_keep(four_books, given, models) -> None:
    found = STYLE.examine("next", load(models["base"], device="cpu"), four_books)
    assert [one.metric for one in found.rows] == ["accuracy", "likelier"]
    assert all(one.estimate is not None and one.estimate.n == 30 for one in found.rows)
    rows = GENRE.examine("next", load(models["base"], device="cpu"), given("base")).rows
    assert {one.reason for one in rows} == {GENRE.reason}
