"""Real books and dialogues, where they lie beside the checkout."""

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.text.dialogues.files import read_dialogues
from pipeline.text.reading.encoding import decode
from pipeline.text.repair.clean import clean_text
from tests.text.dialogue_tools import rules
from tests.text.repair_settings import SETTINGS

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")]
FILES, DOCUMENTS = 12, 200
LICENCE = re.compile(r"project gutenberg|gutenberg-tm|small print|\be-?texts?\b|\be-?books?\b|\*\*\* ?(?:start|end) of", re.IGNORECASE)
ITALICS = re.compile(r"(?<![\w_])_[^\W_][^_]*[^\s_]_(?![\w_])")
PAGE_NUMBER = re.compile(r"\W*(?:page|pg|p)\.?\W*\d{1,4}\W*|[-\[{(] ?\d{1,4} ?[-\]})]", re.IGNORECASE)


@pytest.fixture(scope="module")
def books() -> dict[str, str]:
    """Clean texts of some editions by their names, drawn from all."""
    files = sorted(path for path in (DATA / "books").glob("*/*.txt") if path.stat().st_size > 100_000)
    drawn = random.Random(5).sample(files, FILES)
    return {file.name: clean_text(decode(file.read_bytes())[0], SETTINGS)[0] for file in drawn}


@pytest.fixture(scope="module")
def documents(books: dict[str, str]) -> list[str]:
    """Runs of paragraphs from everywhere in the books, every book's first and last among them."""
    draw = random.Random(6)
    pieces = [piece for text in books.values() for piece in pieces_of(text)]
    rims = [piece for text in books.values() for piece in (pieces_of(text)[0], pieces_of(text)[-1])]
    return [*rims, *draw.sample(pieces, DOCUMENTS - len(rims))]


def pieces_of(text: str, paragraphs: int = 30) -> list[str]:
    said = text.split("\n\n")
    return ["\n\n".join(said[start : start + paragraphs]) for start in range(0, len(said), paragraphs)]


def test_no_licence_text_is_left(documents: list[str]) -> None:
    assert [found.group() for text in documents for found in LICENCE.finditer(text)] == []


def test_no_page_furniture_is_left(books: dict[str, str], documents: list[str]) -> None:
    paragraphs = [paragraph for text in documents for paragraph in text.split("\n\n")]
    assert [
        paragraph for paragraph in paragraphs if PAGE_NUMBER.fullmatch(paragraph) and not re.fullmatch(r"\(?1\d{3}\)?", paragraph)
    ] == []
    assert not any("[Pg" in text or "\f" in text for text in documents)
    for name, text in books.items():
        title = text.split("\n\n", 1)[0].casefold()
        assert sum(paragraph.casefold().strip(" 0123456789") == title for paragraph in text.split("\n\n")[1:]) <= 2, name  # half-titles


def test_no_line_is_hard_wrapped(documents: list[str]) -> None:
    paragraphs = [paragraph for text in documents for paragraph in text.split("\n\n")]
    assert sum("\n" in paragraph for paragraph in paragraphs) <= 0.1 * len(paragraphs)  # verse, letters and title pages
    for text in documents:
        said = [line for paragraph in text.split("\n\n") for line in paragraph.split("\n")]
        cut = sum(40 < len(before) < 90 and before[-1].isalpha() and after[0].islower() for before, after in pairwise(said) if after)
        assert cut <= 0.2 * len(said), text  # verse goes on over its lines; prose that is still wrapped does on nearly all


def test_no_marks_of_emphasis_are_left(documents: list[str]) -> None:
    assert [found.group() for text in documents for found in ITALICS.finditer(text)] == []


def test_what_an_author_wrote_stays() -> None:
    text = clean_text(decode((DATA / "books" / "11" / "11-0.txt").read_bytes())[0], SETTINGS)[0]
    paragraphs = text.split("\n\n")
    assert paragraphs[0] == "ALICE'S ADVENTURES IN WONDERLAND"
    assert [f"CHAPTER {number}." in text for number in ("I", "II", "VI", "XII")] == [True] * 4
    assert "CHAPTER I. Down the Rabbit-Hole" in paragraphs
    assert max(map(len, paragraphs)) > 900
    assert text.endswith("THE END")


@pytest.mark.parametrize(
    ("folder", "instructions", "preferences"), [("gsm8k", 8792, 0), ("instructions", 175, 0), ("preferences", 0, 2307)]
)
def test_real_dialogues_are_read(folder: str, instructions: int, preferences: int) -> None:
    found = read_dialogues(DATA / folder, (), rules(0.01, "drop"), seed=1)
    assert [len(found.tables[name]) for name in ("instructions", "preferences", "labels")] == [instructions, preferences, 0]
    assert {row.reason for row in found.bad} <= {"empty_answer"}
