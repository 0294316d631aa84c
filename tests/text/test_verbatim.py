"""Code and tables keep their lines, and are told from prose that only looks like them."""

import time
from dataclasses import replace

import pytest

from pipeline.text.repair.clean import Settings, clean_text

SETTINGS = Settings(
    repairs=None, quotes="straight", italics="strip", mask={"mail": "[mail]", "phone": "[phone]", "card": "[card]", "ip": "[ip]"}
)
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


def test_blank_lines_within_a_block_are_single_and_its_tabs_stay() -> None:
    assert clean_text("```\n\tone\n\n \n\ntwo  \n```\n", SETTINGS)[0] == "```\n\tone\n\ntwo\n```"


def test_blocks_that_touch_prose_and_each_other_are_paragraphs_of_their_own() -> None:
    cleaned, _ = clean_text("Before:\n```\nx\n```\n~~~\ny\n~~~\nAfter.", SETTINGS)
    assert cleaned == "Before:\n\n```\nx\n```\n\n~~~\ny\n~~~\n\nAfter."


def test_personal_data_and_broken_characters_are_mended_in_blocks_too() -> None:
    cleaned, times = clean_text("```\nmail('ada@post.example')\x01\n```", SETTINGS)
    assert cleaned == "```\nmail('[mail]')\n```"
    assert times == {"mail": 1, "controls": 1}
    kept = replace(SETTINGS, repairs=("wrapping",))
    assert clean_text("```\nmail('ada@post.example')\n```", kept)[0] == "```\nmail('ada@post.example')\n```"


@pytest.mark.parametrize(
    "text", ["A fence ``` in a line\nof prose.", "```\nnever closed, this is\nprose of a page.", "a | b\nc - d | e f\n", "~~~\nx"]
)
def test_what_only_looks_like_a_block_is_prose(text: str) -> None:
    assert "\n" not in clean_text(text, SETTINGS)[0]


def test_blocks_are_many() -> None:
    text = "\n\n".join(f"Word {number}.\n\n```\n{number}\n{number}\n```" for number in range(3000))
    assert clean_text(text, SETTINGS)[0] == text


@pytest.mark.parametrize("line", ["```a", "~~~", "a|b", "-|-", "|-|" * 50, "```a\n~~~"])
def test_no_text_takes_long(line: str) -> None:
    start = time.process_time()
    clean_text((line + "\n") * 20000, SETTINGS)
    assert time.process_time() - start < 5
