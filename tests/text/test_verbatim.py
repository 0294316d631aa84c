"""Code and tables keep their lines, and are told from prose that only looks like them."""

from dataclasses import replace

import pytest

from pipeline.text.repair.clean import clean_text
from tests.text.repair_settings import SETTINGS

PROSE = "This is a line of prose that is wrapped\nby hand, and “quoted” with _care_."
MENDED = 'This is a line of prose that is wrapped by hand, and "quoted" with care.'
CODE = """```python
def __init__(self):
    self.name = “x”

    return a_b-
c
```"""
TABLE = """| name | size |
|------|-----:|
| _ada_ | 1 |
| bo | 22 |"""


@pytest.mark.parametrize("block", [CODE, CODE.replace("```", "~~~~"), TABLE, "a | b\n- | -\n1 | 2"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_block_keeps_its_lines_and_the_prose_around_it_is_mended(block: str, newline: str) -> None:
    text = f"{PROSE}\n\n{block}\n\n{PROSE.upper()}".replace("\n", newline)
    cleaned, _ = clean_text(text, SETTINGS)
    assert cleaned == f"{MENDED}\n\n{block}\n\n{MENDED.upper()}"
    assert clean_text(cleaned, SETTINGS) == (cleaned, {})


def test_blank_lines_within_a_block_and_its_tabs_stay_and_blanks_at_line_ends_go() -> None:
    assert clean_text("```\n\tone\n\n \n\ntwo  \n```\n", SETTINGS)[0] == "```\n\tone\n\n\n\ntwo\n```"


def test_blocks_that_touch_prose_and_each_other_are_paragraphs_of_their_own() -> None:
    cleaned, _ = clean_text("Before:\n```\nx\n```\n~~~\ny\n~~~\nAfter.", SETTINGS)
    assert cleaned == "Before:\n\n```\nx\n```\n\n~~~\ny\n~~~\n\nAfter."


def test_personal_data_and_broken_characters_are_mended_in_blocks_too() -> None:
    cleaned, times = clean_text("```\nmail('ada@post.example')\x01\n```", SETTINGS)
    assert cleaned == "```\nmail('[mail]')\n```"
    assert times == {"mail": 1, "controls": 1}
    assert clean_text("Ask bo@post.example.\n\n```\nmail('ada@post.example')\n```", SETTINGS)[1] == {"mail": 2}
    kept = replace(SETTINGS, repairs=("wrapping",))
    assert clean_text("```\nmail('ada@post.example')\n```", kept)[0] == "```\nmail('ada@post.example')\n```"


@pytest.mark.parametrize(
    "text", ["A fence ``` in a line\nof “prose”.", "```\nnever closed, this is\n“prose” of a page.", "a | b\nc - d | “e f”\n", "~~~\n“x”"]
)
def test_what_only_looks_like_a_block_is_prose(text: str) -> None:
    assert "“" not in clean_text(text, SETTINGS)[0]


def test_blocks_are_many() -> None:
    text = "\n\n".join(f"Word {number}.\n\n```\n{number}\n{number}\n```" for number in range(3000))
    assert clean_text(text, SETTINGS)[0] == text


@pytest.mark.parametrize("icon", ["\U000f0005", "\U00100003", "\u00f3\u00b0\x80\x85", "\u00f3\u00b0\x80\x80"])
def test_private_characters_of_a_text_do_not_meddle(icon: str) -> None:
    cleaned, _ = clean_text(f"An icon {icon} of\na font.\n\n```\na\nb\n```", SETTINGS)
    assert cleaned.endswith("\n\n```\na\nb\n```")
    assert cleaned.count("```") == 2


def test_a_fence_after_a_byte_order_mark_is_one() -> None:
    assert clean_text("\ufeff```\na\nb\n```\nProse of\na page.", SETTINGS)[0] == "```\na\nb\n```\n\nProse of a page."


def test_lines_that_end_twice_are_joined_beside_a_block_too() -> None:
    assert clean_text(f"{PROSE}\n\n```\na\nb\n```".replace("\n", "\r\r\n"), SETTINGS)[0] == f"{MENDED}\n\n```\na\nb\n```"


def test_a_table_ends_where_code_begins() -> None:
    text = "a | b\n------  |  ----\n1 | 2\n```\nx = 1\n\ny = 2\n```\nProse of\na page."
    assert clean_text(text, SETTINGS)[0] == "a | b\n------  |  ----\n1 | 2\n\n```\nx = 1\n\ny = 2\n```\n\nProse of a page."


def test_white_space_away_from_blocks_is_left_to_the_repairs() -> None:
    kept = replace(SETTINGS, repairs=("quotes",))
    assert clean_text("One.\n\n\n\nTwo.\n\n```\nx\n```", kept)[0] == "One.\n\n\n\nTwo.\n\n```\nx\n```"


@pytest.mark.parametrize("line", ["```a", "~~~", "a|b", "-|-", "|-|" * 50, "```a\n~~~", "```\n" + " " * 200_000 + "x", "|-" + "\n" * 20])
@pytest.mark.timeout(120)  # seconds; what grows with the square of the length takes hours
def test_no_text_takes_for_ever(line: str) -> None:
    clean_text((line + "\n") * (20000 if len(line) < 1000 else 1), SETTINGS)
