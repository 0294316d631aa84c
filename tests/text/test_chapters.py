"""Books stay books: long texts are cut where chapters begin, and nothing is lost."""

import random

import pytest

from pipeline.text.headings import is_heading
from pipeline.text.splitting.chapters import split_into_chunks
from tests.text.split_corpus import document, written

HEADINGS = (
    "CHAPTER I. Down the Rabbit-Hole | Chapter 12 | BOOK TWO | I. | XIV | # Title | ## 2 Methods | Chapter 3. The Pond",
    "Epilogue | 7 | PART SIX--Captain Silver | CHAPTER THE LAST | Chapter Twenty-One | STAVE ONE: MARLEY'S GHOST",
    "I. A SCANDAL IN BOHEMIA | Letter 4 | Act iv. | == History == | = Homarus gammarus = | = = Description = =",
)
SENTENCES = (
    "Chapter and verse | Part of the ship sank. | I am here. | #hashtag | Act one way or another, he said | He read chapter 4.",
    "== not === | I. Newton wrote it, and he was right. | MIX it well. | Book two rooms for us. | 1. Buy milk",
    "CHAPTER I. And a long, long sentence, a long, long sentence, a long, long sentence, that is no title of any chapter",
)


@pytest.mark.parametrize("line", " | ".join(HEADINGS).split(" | "))
def test_a_heading_is_known(line: str) -> None:
    assert is_heading(line)


@pytest.mark.parametrize("line", ["", *" | ".join(SENTENCES).split(" | ")])
def test_a_sentence_is_no_heading(line: str) -> None:
    assert not is_heading(line)


def test_chapters_are_packed_whole_as_many_as_there_is_room_for() -> None:
    book = ["The Title"]
    for number in range(1, 7):
        book += [f"Chapter {number}", "x" * 30, "y" * 40]  # 87 characters with what joins them
    found = split_into_chunks(book, max_characters=200)
    assert [(one.start, one.heading) for one in found] == [(0, None), (7, "Chapter 3"), (13, "Chapter 5")]


def test_a_long_chapter_is_cut_between_paragraphs_and_its_pieces_keep_its_heading() -> None:
    book = ["Chapter 1", "short", "BOOK TWO", "Chapter 2", *["z" * 60] * 5, "Chapter 3", "end"]
    found = split_into_chunks(book, max_characters=150)
    assert [(one.start, one.heading) for one in found] == [
        (0, "Chapter 1"),
        (2, "BOOK TWO, Chapter 2"),
        (6, "BOOK TWO, Chapter 2"),
        (8, "BOOK TWO, Chapter 2"),
    ]


def test_of_a_table_of_contents_only_the_last_lines_are_told() -> None:
    assert (
        split_into_chunks([f"Chapter {number}" for number in range(1, 9)] + ["text"], max_characters=1000)[0].heading
        == "Chapter 6, Chapter 7, Chapter 8"
    )


def test_the_pieces_are_the_text_and_none_is_too_long_that_can_be_cut() -> None:
    dice = random.Random(5)
    for _ in range(200):
        marks = ["Chapter 1", "IV.", "PART II"]
        book = [dice.choice(marks) if dice.random() < 0.2 else "w" * dice.randrange(1, 60) for _ in range(dice.randrange(1, 40))]
        max_characters = dice.randrange(20, 200)
        found = split_into_chunks(book, max_characters=max_characters)
        pieces = ["\n\n".join(book[one.start : one.stop]) for one in found]
        assert "\n\n".join(pieces) == "\n\n".join(book)
        assert all(len(piece) <= max_characters or one.stop - one.start == 1 for piece, one in zip(pieces, found, strict=True))


def test_a_long_document_is_written_in_pieces_that_know_their_book(tmp_path) -> None:
    book = "\n\n".join(["The Title", *(line for number in range(1, 5) for line in (f"Chapter {number}", "x" * 30, "y" * 40))])
    rows = {"train": [document("a"), document("book", book, bits=[float(2**place) for place in range(13)]), document("b", bits=[7.0])]}
    other = book.replace("x", "p").replace("y", "q")
    done = written(tmp_path, rows | {"val": [document("v", other)], "test": [document("t")]}, max_characters=200)
    assert [row["id"] for row in done.rows("train")] == ["a", "book#0", "book#1", "b"]
    pieces = [row for row in done.rows("train") if row["book"] == "book"]
    assert "\n\n".join(row["text"] for row in pieces) == book
    assert [(row["heading"], row["position"], row["source"]) for row in pieces] == [(None, 0, "s"), ("Chapter 3", 1, "s")]
    assert [row["bits"] for row in pieces] == [2.0**7 - 1, 2.0**13 - 2.0**7]
    assert [(row["book"], row["heading"], row["position"], row["bits"]) for row in done.rows("train") if row["id"] in "ab"] == [
        ("a", None, 0, None),
        ("b", None, 0, 7.0),
    ]
    assert list(done.texts("val")) == ["v#0", "v#1"]
    assert (done.told["books_cut"], done.told["documents"], done.told["train"]["source_bits"]) == (2, 7, None)


def test_a_long_document_is_cut_after_what_is_held_out_has_left_it(tmp_path) -> None:
    leak = "one two three four five six seven eight nine ten eleven twelve thirteen"
    book = "\n\n".join(["Chapter 1", "x" * 80, leak, "Chapter 2", "y" * 80])
    rows = {"train": [document("a", book, bits=[1.0, 2.0, 4.0, 8.0, 16.0])], "val": [document("v", leak)], "test": [document("t")]}
    done = written(tmp_path, rows, max_characters=100)
    assert done.texts("train") == {"a#0": "Chapter 1\n\n" + "x" * 80, "a#1": "Chapter 2\n\n" + "y" * 80}
    assert [row["bits"] for row in done.rows("train")] == [3.0, 24.0]


def test_a_paragraph_is_never_cut(tmp_path) -> None:
    rows = {"train": [document("a", "x" * 500)], "val": [document("v")], "test": [document("t")]}
    assert list(written(tmp_path, rows, max_characters=100).texts("train")) == ["a"]
