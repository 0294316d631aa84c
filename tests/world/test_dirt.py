"""Every plant, in every manner and in any company, can be undone, by a way back that is written here anew."""

import pytest

from pipeline.core.seed import stream
from pipeline.world.books import BookShape, Rng, Writer
from pipeline.world.dirt import DIRT_KINDS, REQUIRES, add_dirt
from pipeline.world.dirt_characters import QUOTES, curl_quotes
from pipeline.world.dirt_files import misread
from pipeline.world.dirt_ocr import corrections
from pipeline.world.facts import draw_facts
from tests.world.undo import undone

SHAPE = BookShape(chapters=(3, 3), paragraphs=(16, 20), min_sentences=3, continue_probability=0.75, fact_share=0.58)
TINY = BookShape(chapters=(1, 1), paragraphs=(1, 1), min_sentences=1, continue_probability=0.1, fact_share=0.58)
MANNERS = range(12)  # streams that are tried; no plant has more manners than seven


def book(shape: BookShape, number: int = 0) -> str:
    return Writer(draw_facts(32, 16, 1), shape).book(stream(3, "book", number)).text


@pytest.fixture(scope="module")
def clean() -> str:
    return book(SHAPE)


@pytest.mark.parametrize("name", DIRT_KINDS)
def test_a_plant_changes_the_text_and_can_be_undone(clean: str, name: str) -> None:
    for turn in MANNERS:
        dirty, planted = add_dirt(clean, {name}, stream(5, name, turn))
        assert set(planted) == {name, REQUIRES.get(name, name)}
        assert dirty != clean
        assert undone(dirty, clean) == clean


@pytest.mark.parametrize("count", [2, 4, 8, len(DIRT_KINDS)])
def test_plants_in_any_company_can_be_undone(count: int) -> None:
    for turn in MANNERS:
        rng, clean = Rng(stream(6, count, turn)), book(SHAPE, turn)
        dirty, _ = add_dirt(clean, rng.shuffled(DIRT_KINDS)[:count], stream(7, count, turn))
        assert undone(dirty, clean) == clean


def test_the_same_stream_plants_the_same_dirt_and_another_other_dirt(clean: str) -> None:
    assert add_dirt(clean, set(DIRT_KINDS), stream(5, "a")) == add_dirt(clean, set(DIRT_KINDS), stream(5, "a"))
    assert add_dirt(clean, set(DIRT_KINDS), stream(5, "a")) != add_dirt(clean, set(DIRT_KINDS), stream(5, "b"))


def test_what_a_text_is_too_short_for_is_not_said_to_be_planted() -> None:
    clean = book(TINY)
    for turn in MANNERS:
        _, planted = add_dirt(clean, {"duplicate_pages", "page_numbers", "running_heads"}, stream(8, turn))
        assert planted == ()
        dirty, planted = add_dirt(clean, DIRT_KINDS, stream(9, turn))
        assert undone(dirty, clean) == clean
        assert not {"duplicate_pages", "page_numbers", "running_heads"} & set(planted)


def test_lines_of_a_hard_wrapped_book_are_short(clean: str) -> None:
    for name in ("wrapping", "hyphenation"):
        for turn in MANNERS:
            dirty, _ = add_dirt(clean, {name}, stream(5, "wrap", name, turn))
            assert 60 < max(len(line) for line in dirty.split("\n")) <= 90


def test_quotes_curl_towards_their_words_and_misreading_shows_the_usual_signs() -> None:
    assert curl_quotes('"Who?" said Ada\'s cat.', *QUOTES[0]) == "“Who?” said Ada’s cat."
    assert misread("Ada’s café") == "Adaâ€™s cafÃ©"


@pytest.mark.parametrize(
    ("reading", "right"),
    [
        ("tlie", "the"),
        ("tbe", "the"),
        ("w1th", "with"),
        ("lantem", "lantern"),
        ("rnorning", "morning"),
        ("vvater", "water"),
        ("httle", "little"),
    ],
)
def test_a_misreading_tells_which_word_it_was(reading: str, right: str) -> None:
    assert corrections(reading, {"the", "with", "lantern", "morning", "water", "little"}) == {right}
    assert corrections("ta1l", {"tail", "tall"}) == {"tail", "tall"}  # so this one is never planted
