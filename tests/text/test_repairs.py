"""Each repair undoes one kind of dirt and leaves clean text alone."""

import pytest

from pipeline.text.boilerplate import boilerplate
from pipeline.text.characters import PAGE, controls, encoding, newlines, quotes
from pipeline.text.clean import REPAIRS, clean_text
from pipeline.text.furniture import page_numbers, running_heads
from pipeline.text.licence import licence
from pipeline.text.paragraphs import hyphenation, join_lines

PROSE = """The Green Gate

by Ada Stone

Chapter 1. The House

The gate stood open when the two friends came up the long road, and nobody had seen the keeper since the morning.

"We must look for him," said Bo, and he took the lamp that hung beside the door. The other nodded. It was not the first time.

Chapter 2. The Lamp

They looked behind the mill and along the wall of the garden, where the well-known footprints of the keeper ended at the water."""


def wrapped(text: str, width: int = 60) -> list[str]:
    """Lines, with blank ones between the paragraphs; broken by hand so that the oracle is not textwrap's."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        line = ""
        for word in paragraph.split(" "):
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines += [line, ""]
    return lines[:-1]


def mended(text: str) -> str:
    return clean_text(text, rules=()).text


def test_clean_text_stays_as_it_is_and_no_repair_fires() -> None:
    cleaned = clean_text(PROSE, rules=())
    assert (cleaned.text, cleaned.repairs) == (PROSE, {})


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_hard_wrapped_lines_become_paragraphs_whatever_the_newline(newline: str) -> None:
    assert mended(newline.join(wrapped(PROSE))) == PROSE


def test_utf8_that_was_read_as_cp1252_is_whole_again() -> None:
    assert encoding("It is Ada\u00e2\u20ac\u2122s caf\u00c3\u00a9.")[0] == "It is Ada\u2019s café."
    assert encoding("A naïve café costs 5 €.") == ("A naïve café costs 5 €.", 0)


def test_control_and_zero_width_characters_go() -> None:
    assert controls("a\x07b\u200bc\ufeffd\x7f\te") == ("abcd e", 4)


def test_a_form_feed_ends_a_page_and_no_paragraph() -> None:
    assert newlines("one\ftwo \n\f\nthree\n\n\f\n\nfour") == f"one\n{PAGE}\ntwo\n{PAGE}\nthree\n\n{PAGE}\n\nfour".replace("two\n", "two \n")
    assert mended("the gate was\n\fopen when they came.") == "the gate was open when they came."


def test_curly_quotes_become_straight() -> None:
    assert quotes("“It’s ‘so’,” she said") == ("\"It's 'so',\" she said", 5)


def test_the_licence_goes_and_the_book_stays() -> None:
    head = "The Free Shelf eBook of X, by Y\n\nYou may copy it.\n\n*** START OF THIS FREE SHELF EBOOK X ***\n\nProduced by Volunteers\n\n"
    foot = "\n\n*** END OF THIS FREE SHELF EBOOK X ***\n\nLICENSE\n\n1. AS IS."
    assert mended(head + PROSE + foot) == PROSE


def test_the_small_print_of_old_editions_goes() -> None:
    head = (
        "***START**THE SMALL PRINT!**START***\n\nWhy is this here?\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n"
    )
    assert mended(head + PROSE * 3) == mended(PROSE * 3)


def test_a_book_that_speaks_of_a_start_or_an_end_keeps_them() -> None:
    text = "The start of the book was slow.\n\n--start of the race, he said.\n\n--end of the race.\n\n* * *\n\nEnd of the story."
    assert licence(text) == (text, 0)


@pytest.mark.parametrize("style", ["{}", "- {} -", "[{}]", "Page {}", "{} of 90"])
def test_page_numbers_go_and_the_paragraph_is_closed(style: str) -> None:
    lines = wrapped(PROSE, 40)
    for turn, place in enumerate((16, 11, 7)):
        lines.insert(place, style.format(30 - turn))
    assert mended("\n".join(lines)) == PROSE


def test_a_page_number_between_blank_lines_closes_only_an_unfinished_sentence() -> None:
    first, second = "The road was long and it went on and on over", "the hill and down again to the sea."
    text = f"{first}\n\n7\n\n{second}\n\n8\n\nThen it ended at the house of the keeper.\n\n9\n\nNobody was there."
    assert mended(text) == f"{first} {second}\n\nThen it ended at the house of the keeper.\n\nNobody was there."


def test_years_and_verse_numbers_are_no_pages() -> None:
    text = "1984\n\nIt was a cold day.\n\n3\n\nIt was a warm day.\n\n2\n\nIt was a day."
    assert page_numbers(text) == (text, 0)


def test_running_heads_go_and_the_title_stays() -> None:
    lines = wrapped(PROSE, 40)
    for place in (18, 14, 10):
        lines.insert(place, "THE GREEN GATE")
    assert mended("\n".join(lines)) == PROSE


def test_a_refrain_is_no_running_head() -> None:
    text = "\n\n".join(["The song", *["A verse of the song that is long enough.", "Heigh ho, the wind and the rain."] * 4])
    assert running_heads(text) == (text, 0)


def test_lines_of_a_site_go_only_where_they_stand_alone() -> None:
    site = "Home | About | Contact\n\nStory.\n\nWe use cookies. Accept all cookies\n\nShare this page on Facebook\n\nStory goes on."
    assert boilerplate(site)[1] == 3
    prose = "He read the\nadvertisement twice and then\nsubscribe to our newsletter, it said,\nfor more."
    assert boilerplate(prose) == (prose, 0)


def test_a_word_broken_at_a_line_end_is_whole_and_a_compound_keeps_its_hyphen() -> None:
    text = "The well-known gar-\nden was a garden that was well-\nknown to the gar-\nden club and the gardener."
    assert hyphenation(text)[1] == 2
    assert join_lines(hyphenation(text)[0]).count("well-known") == 2


def test_a_word_broken_by_a_page_is_whole() -> None:
    text = f"the long way to the gar-\n\n{PAGE}\n\nden. The gate was open.\n\nThe garden was not."
    assert join_lines(hyphenation(text)[0]) == "the long way to the garden. The gate was open.\n\nThe garden was not."


def test_verse_keeps_its_lines_and_prose_loses_them() -> None:
    prose = "\n".join(wrapped("The quick brown fox jumped over the lazy dog and ran into the wood. " * 8))
    verse = "O rose\nthou art sick\nthe worm"
    assert join_lines(f"{prose}\n\n{verse}").split("\n\n")[1:] == verse.split("\n")


def test_the_clean_form_has_no_newline_within_a_paragraph_and_none_at_the_end() -> None:
    text = join_lines(newlines("\n\n  A line.  \n\n\n\nAnother   line.\n\n"))
    assert text == "A line.\n\nAnother line."


def test_cleaning_twice_is_cleaning_once() -> None:
    dirty = "\r\n".join(wrapped(PROSE.replace('"', "“"), 50)) + "\x00"
    assert mended(mended(dirty)) == mended(dirty)


def test_repairs_are_named_like_the_dirt() -> None:
    assert set(REPAIRS) == {
        "page_numbers",
        "running_heads",
        "licence",
        "encoding",
        "quotes",
        "hyphenation",
        "controls",
        "boilerplate",
    }
