"""What only looks like dirt stays, and no text takes long."""

import pytest

from pipeline.text.repair.boilerplate import boilerplate
from pipeline.text.repair.contents import contents
from pipeline.text.repair.duplicate_pages import duplicate_pages
from pipeline.text.repair.furniture import page_numbers, running_heads
from pipeline.text.repair.italics import italics
from pipeline.text.repair.paragraphs import hyphenation, wrapping


def join_lines(text: str) -> str:
    return wrapping(text)[0]


@pytest.mark.parametrize(
    "line",
    [
        "The grandmother brought out a plate of cookies.",
        "We made a box of chocolate cookies for Dad.",
        "Share it with your friends, said the mother.",
        "Get the app ready.",
        "Register now, or you lose your vote today.",
        "Click here and there, the clock went on.",
        "Copyright 1923 law changed everything, and the judge knew it.",
        "Subscribe now for the war loan, the poster said.",
    ],
)
def test_sentences_that_begin_as_lines_of_a_site_do_stay(line: str) -> None:
    assert boilerplate(f"One.\n\n{line}\n\nTwo.")[1] == 0


@pytest.mark.parametrize(
    "line",
    ["Click here", "Subscribe now for $1 a month", "Get our app today", "Copyright 2021 The Gazette", "We use cookies on this site."],
)
def test_lines_of_a_site_go_alone(line: str) -> None:
    assert boilerplate(f"One.\n\n{line}\n\nTwo.")[1] == 1


@pytest.mark.parametrize(
    "text",
    [
        "\n\n".join(["ROMEO", *["ROMEO\n\nBut soft, what light is this?\n\nJULIET\n\nAy me, he speaks again."] * 5]),
        "\n\n".join(["Nevermore", *["Quoth the raven,\n\nNevermore\n\nand again he sat there"], *["The night was long.\n\nNevermore"] * 4]),
        "\n\n".join(["Apples", *(f"{name} gave five\nx = 15 - 5\nare left for {name}" for name in ("Ada", "Bo", "Kit", "Una"))]),
    ],
)
def test_speakers_refrains_and_formulas_are_no_running_heads(text: str) -> None:
    assert running_heads(text) == (text, 0)


@pytest.mark.parametrize("numbers", [["1.", "2.", "3.", "4.", "5.", "6."], ["2019", "2020", "2021", "2022"]])
def test_chapters_from_1_on_and_years_that_cut_no_sentence_are_no_pages(numbers: list[str]) -> None:
    text = "\n\n".join(f"{number}\n\n{'It was a day like others. ' * 30}".strip() for number in numbers)
    assert page_numbers(text) == (text, 0)


def test_numbers_in_frames_close_to_each_other_are_no_pages() -> None:
    text = "\n\n".join(f"[{number}]\n\nA short verse." for number in range(3, 8))
    assert page_numbers(text) == (text, 0)


@pytest.mark.parametrize("pair", ["pre-\nand post-war", "two-\nor three-day", "Vor-\nund Nachteile"])
def test_a_hyphen_that_stands_for_the_rest_of_a_word_keeps_its_blank(pair: str) -> None:
    assert join_lines(hyphenation(f"It was {pair} there")[0]) == f"It was {pair} there".replace("\n", " ")


def test_a_word_that_ends_as_a_conjunction_is_whole_and_a_chain_has_no_blank() -> None:
    assert join_lines(hyphenation("he went in-\nto it and into that")[0]) == "he went into it and into that"
    assert "- " not in join_lines(hyphenation("the mother-\nto-be sat")[0])


@pytest.mark.timeout(120)  # seconds; what grows with the square of the length takes hours
def test_no_text_that_repeats_itself_takes_for_ever() -> None:
    lines = [f"Line {number} of a page that is long enough." for number in range(10_000)]
    for text, repair in (("\n".join(lines * 3), duplicate_pages), ("\n".join([*lines, "A", *lines, "B"]), duplicate_pages)):
        assert repair(text)[1] == 0
    contents("Contents\n" * 60_000)


def test_tags_go_in_pairs_and_leave_no_gaps() -> None:
    for text in ("the <b> tag", "std::vector<u> x"):
        assert italics(text) == (text, 0)
    assert italics("A.\n\n<i></i>\n\nB.") == ("A.\n\nB.", 1)
    assert italics("<b><i>A</i></b> <i> so</i> <u></u> B") == ("A so B", 4)
