"""Each repair undoes one kind of dirt and leaves clean text alone."""

import pytest

from pipeline.text.repair.boilerplate import boilerplate
from pipeline.text.repair.characters import PAGE, controls, encoding, ligatures, newlines, quotes, unicode
from pipeline.text.repair.clean import NAMES, clean_text
from pipeline.text.repair.contents import contents
from pipeline.text.repair.duplicate_pages import duplicate_pages
from pipeline.text.repair.furniture import page_numbers, running_heads
from pipeline.text.repair.italics import italics
from pipeline.text.repair.licence import licence
from pipeline.text.repair.ocr import ocr
from pipeline.text.repair.paragraphs import hyphenation, wrapping
from tests.text.repair_settings import SETTINGS

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
    return clean_text(text, SETTINGS)[0]


def join_lines(text: str) -> str:
    return wrapping(text)[0]


def test_clean_text_stays_as_it_is_and_no_repair_fires() -> None:
    assert clean_text(PROSE, SETTINGS) == (PROSE, {})


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_hard_wrapped_lines_become_paragraphs_whatever_the_newline(newline: str) -> None:
    assert mended(newline.join(wrapped(PROSE))) == PROSE


def test_utf8_that_was_read_as_cp1252_is_whole_again() -> None:
    assert encoding("It is Ada\u00e2\u20ac\u2122s caf\u00c3\u00a9.")[0] == "It is Ada\u2019s café."
    assert encoding("A naïve café costs 5 €.") == ("A naïve café costs 5 €.", 0)


def test_control_and_zero_width_characters_go() -> None:
    assert controls("a\x07b\u200bc\ufeffd\x7fe\u00adf") == ("abcdef", 5)


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


def test_short_last_lines_of_paragraphs_are_no_running_heads() -> None:
    ends = [
        ("The keeper went home in his grey", "Nobody came."),
        ("Bo wore what was left of the", "It rained."),
        ("Ada had no", "She slept."),
    ]
    text = "\n".join(["The Title", "", *(line for before, after in ends for line in (before, "coat.", PAGE, after))])
    assert running_heads(text) == (text, 0)


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
    assert join_lines(f"{prose}\n\n{verse}").split("\n\n")[1:] == [verse]


def test_the_clean_form_has_no_newline_within_a_paragraph_and_none_at_the_end() -> None:
    text = join_lines(newlines("\n\n  A line.  \n\n\n\nAnother   line.\n\n"))
    assert text == "A line.\n\nAnother line."


def test_cleaning_twice_is_cleaning_once() -> None:
    dirty = "\r\n".join(wrapped(PROSE.replace('"', "“"), 50)) + "\x00"
    assert mended(mended(dirty)) == mended(dirty)


def test_repairs_are_named_like_the_dirt() -> None:
    assert set(NAMES) == {
        *("encoding", "controls", "quotes", "unicode", "ligatures", "licence", "boilerplate", "contents", "page_numbers", "running_heads"),
        *("duplicate_pages", "hyphenation", "wrapping", "italics", "ocr", "mail", "phone", "card", "ip"),
        *("entities", "blobs", "editorial"),
        *("ssn", "iban", "secret"),  # which the world does not plant
    }


def test_mojibake_is_undone_twice_over_and_of_wide_letters() -> None:
    assert encoding("Adaâ€™s â‚¬5, AdaÃ¢â‚¬â„¢s")[0] == "Ada’s €5, Ada’s"
    assert encoding("The\u00ef\u00bb\u00bf gate")[0] == "The\ufeff gate"


def test_joiners_stay_where_a_script_or_a_picture_needs_them() -> None:
    assert controls("a\u200db می\u200cخواهم")[0] == "ab می\u200cخواهم"


def test_unicode_is_composed_plain_and_narrow_and_eastern_text_keeps_its_marks() -> None:
    assert unicode("cafe\u0301 a\u00a0b\u3000c ｈｏｕｓｅ！") == ("café a b c house!", 4)
    assert unicode("日本！") == ("日本！", 0)


def test_ligatures_become_letters() -> None:
    assert ligatures("ﬁnd oﬀ ﬂoor oﬃce ﬆone") == ("find off floor office stone", 5)


@pytest.mark.parametrize(
    "notice",
    [
        "This work is licensed under a Creative Commons Attribution 4.0 licence. You may share and adapt copies of it.",
        "This is a digital copy of a book that was scanned by a library.\n\nThe copyright has expired: it is in the public domain.",
    ],
)
def test_notices_without_markers_go_from_either_rim(notice: str) -> None:
    assert mended(f"{notice}\n\n{PROSE}") == PROSE
    assert mended(f"{PROSE}\n\n{notice}") == PROSE
    assert mended(notice) == ""


@pytest.mark.parametrize(
    "line", ["Go to the top of the hill and wait.", "We baked cookies all day.", '"Help!"', "Show more respect.", "Home"]
)
def test_short_lines_of_prose_are_no_site(line: str) -> None:
    assert boilerplate(f"One.\n\n{line}\n\nTwo.")[1] == 0


@pytest.mark.parametrize(
    "entries",
    [
        "CONTENTS\n\nChapter 1. The House ........ 3\nChapter 2. The Lamp ........ 12",
        "Table of Contents\n\nI. The House      3\n\nII. The Lamp      12",
        "Contents\n\nChapter 1. The House\nChapter 2. The Lamp",
        "Contents\n\nCHAPTER I. The House\n\nCHAPTER II. The Lamp",
    ],
)
def test_the_table_of_contents_goes_and_the_headings_stay(entries: str) -> None:
    head, author, rest = PROSE.split("\n\n", 2)
    assert mended(f"{head}\n\n{author}\n\n{entries}\n\n{rest}") == PROSE


def test_parts_and_long_entries_belong_to_the_table_and_bare_headings_to_the_book() -> None:
    table = (
        """CONTENTS\n\n  PART ONE\n\n  The Old House\n\n 1. THE KEEPER . . . . . 3\n 2. THE LAMP AND WHAT\n    WAS BESIDE IT . . . . . 12"""
    )
    bare = """CONTENTS\n\n    I  TREATS OF THE KEEPER AND OF WHAT\n       HE SAW\n   II  THE LAMP"""
    book = "The Title\n\n{}\n\nCHAPTER I\n\nIt was a long day, and nobody came.\n\nCHAPTER II\n\nIt was a short day."
    for entries in (table, bare):
        assert mended(book.format(entries)) == book.format("").replace("\n\n\n\n", "\n\n")


def test_a_book_whose_heading_is_contents_keeps_it() -> None:
    text = "The contents of the chest were two coins.\n\nContents\n\nNobody knew what was in it, and nobody asked."
    assert contents(text) == (text, 0)


def test_a_page_scanned_twice_stands_once_and_a_refrain_or_a_litany_stays() -> None:
    page = [f"{number}. {'The road was long and the night was longer. ' * 3}".strip() for number in range(3)]
    once = "\n\n".join(["First.", *page, "Last."])
    assert mended("\n\n".join(["First.", *page, *page, "Last."])) == once
    assert duplicate_pages("\n\n".join(page * 3))[1] == 0
    assert duplicate_pages("\n\n".join(["Row.", "Heigh ho."] * 2))[1] == 0


def test_chapters_numbered_by_lines_of_their_own_are_no_pages() -> None:
    text = "\n\n".join(f"{number}\n\n{'It was a day like others. ' * 300 * number}".strip() for number in range(1, 5))
    assert page_numbers(text) == (text, 0)


@pytest.mark.parametrize("sign", ["-", "\u2010", "¬", "\u00ad"])
def test_all_signs_of_hyphenation_are_known(sign: str) -> None:
    assert mended(f"the old man and the gar{sign}\nden behind the house of the gardener; the garden was old") == (
        "the old man and the garden behind the house of the gardener; the garden was old"
    )


def test_paragraphs_that_only_an_indent_tells_apart_stay_apart() -> None:
    margin = "\n".join("    " + line for line in wrapped(("The quick fox jumped over the dog and ran into the wood. " * 4).strip()))
    both = f"{margin}\n      It came back in the evening, when nobody was looking, and it slept\n    in the barn until the sun came up."
    assert join_lines(both).split("\n\n")[1].startswith("It came back")


def test_marks_of_emphasis_go_and_names_of_code_stay() -> None:
    assert italics("_so_ *said* <i>he</i> of _two words_, snake_case, __init__, 2*3*4, ____ and * * *") == (
        "so said he of two words, snake_case, __init__, 2*3*4, ____ and * * *",
        4,
    )


def test_misread_words_are_mended_where_the_text_knows_better() -> None:
    assert ocr("The water of tlie w1th vvater in tbe b0ok, a book.") == ("The water of the with water in the book, a book.", 5)


@pytest.mark.parametrize(
    "text", ["A modem is modern.", "He saw a lie and a liar.", "Tom was torn.", "The 1st and 2nd of 4th B2 H2O mp3.", "aud and"]
)
def test_words_that_only_look_misread_stay(text: str) -> None:
    assert ocr(text) == (text, 0)
