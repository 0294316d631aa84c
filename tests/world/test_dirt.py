"""Every plant can be undone, by a repair that is written here anew, and leaves the truth behind."""

import re
from collections.abc import Callable

import ftfy
import pytest

from pipeline.core.seed import stream
from pipeline.world.books import Shape, Writer
from pipeline.world.dirt import BOILERPLATE, PLANTS, curled, misread, plant
from pipeline.world.facts import draw_facts

SHAPE = Shape(chapters=(3, 3), paragraphs=(16, 20), sentences=3, go_on=0.75, told=0.58)


@pytest.fixture(scope="module")
def clean() -> str:
    return Writer(draw_facts(32, 16, 1), SHAPE).book(stream(3, "book")).text


def without_lines(pattern: str) -> Callable[[str], str]:
    def repair(text: str) -> str:
        return re.sub(r"\n{3,}", "\n\n", re.sub(rf"^(?:{pattern})$\n?", "", text, flags=re.MULTILINE)).strip("\n")

    return repair


def unwrapped(text: str) -> str:
    joined = re.sub(r"([a-z]{3,})-\n([a-z]{3,})", r"\1\2", text)
    return re.sub(r"(?<!\n)\n(?!\n)", " ", joined)


def straight(text: str) -> str:
    return text.translate(str.maketrans("“”’", '""\''))


def unlicensed(text: str) -> str:
    return re.sub(r"(?s)^.*\*\*\* START OF [^\n]*\n\n|\n\n\*\*\* END OF .*$", "", text)


REPAIRS: dict[str, Callable[[str], str]] = {
    "page_numbers": without_lines(r"(?:Page )?[-\[ ]*\d+[-\] ]*"),
    "running_heads": without_lines(r"[A-ZÉÏ' ]{5,}(?:, BY [A-Z ]+)?"),
    "licence": unlicensed,
    "encoding": lambda text: straight(ftfy.fix_encoding(text)),
    "quotes": straight,
    "hyphenation": unwrapped,
    "controls": lambda text: re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text),
    "boilerplate": without_lines("|".join(map(re.escape, BOILERPLATE))),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_changes_the_text_and_its_repair_gives_it_back(clean: str, name: str) -> None:
    plants = {name, "quotes"} if name == "encoding" else {name}
    dirty = plant(clean, plants, stream(5, name))
    assert dirty != clean
    assert REPAIRS[name](dirty) == clean


def test_all_plants_at_once_can_be_undone(clean: str) -> None:
    text = plant(clean, set(PLANTS), stream(5, "all"))
    for name in ("licence", "controls", "encoding", "quotes", "boilerplate", "page_numbers", "running_heads", "hyphenation"):
        text = REPAIRS[name](text)
    assert text == clean


def test_the_same_stream_plants_the_same_dirt(clean: str) -> None:
    assert plant(clean, set(PLANTS), stream(5, "a")) == plant(clean, set(PLANTS), stream(5, "a"))
    assert plant(clean, set(PLANTS), stream(5, "a")) != plant(clean, set(PLANTS), stream(5, "b"))


def test_lines_of_a_hyphenated_book_are_short(clean: str) -> None:
    assert max(map(len, plant(clean, {"hyphenation"}, stream(5, "wrap")).split("\n"))) <= 74


def test_quotes_curl_towards_their_words_and_misreading_shows_the_usual_signs() -> None:
    assert curled('"Who?" said Ada\'s cat.') == "“Who?” said Ada’s cat."
    assert misread("Ada’s café") == "Adaâ€™s cafÃ©"
