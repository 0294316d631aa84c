"""Real books and dialogues, where they lie beside the checkout."""

from pathlib import Path

import pytest

from pipeline.text.clean import clean_text
from pipeline.text.dedup import Near, cluster, find_copies
from pipeline.text.dialogue_files import read_dialogues
from pipeline.text.read import read_folder

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")]
BOOKS = ("11", "35", "215")


@pytest.fixture(scope="module")
def editions() -> dict[str, str]:
    """Clean texts by source of all editions of three short books."""
    found = {}
    for book in BOOKS:
        table, _ = read_folder(DATA / "books" / book, max_bad_fraction=0.0)
        found |= {f"{book}/{row['source']}": clean_text(row["text"], rules=()).text for row in table.to_pylist()}
    return found


def test_one_edition_of_each_book_survives(editions: dict[str, str]) -> None:
    links = find_copies(list(editions.values()), lambda f, xs: [f(x) for x in xs], near=Near(shingle=5, threshold=0.8, bands=20, rows=6))
    kept = [row["id"] for row in cluster(list(editions), links).to_pylist() if row["kept"]]
    assert sorted(source.split("/")[0] for source in kept) == sorted(BOOKS)


def test_no_licence_is_left_and_no_line_is_hard_wrapped(editions: dict[str, str]) -> None:
    for text in editions.values():
        assert "gutenberg" not in text.lower()
        assert "small print" not in text.lower()
        assert not any("\n" in paragraph for paragraph in text.split("\n\n"))
        assert max(map(len, text.split("\n\n"))) > 900


def test_chapter_headings_are_paragraphs_of_their_own(editions: dict[str, str]) -> None:
    assert "CHAPTER I. Down the Rabbit-Hole" in editions["11/11-0.txt"].split("\n\n")


@pytest.mark.parametrize(
    ("folder", "instructions", "preferences"), [("gsm8k", 8792, 0), ("instructions", 175, 0), ("preferences", 0, 2299)]
)
def test_real_dialogues_are_read(folder: str, instructions: int, preferences: int) -> None:
    found = read_dialogues(DATA / folder, max_bad_fraction=0.01, seed=1)
    assert (len(found[0]), len(found[1])) == (instructions, preferences)
