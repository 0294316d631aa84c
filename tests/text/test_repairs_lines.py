"""Lines that were ended on purpose stay, and so does code; a second cleaning changes nothing."""

import base64
import random
from pathlib import Path

import pytest

from pipeline.text.reading.encoding import decode
from pipeline.text.repair.clean import Settings, clean_text
from pipeline.text.repair.paragraphs import wrapping
from tests.text.repair_settings import SETTINGS

HERE = Path(__file__).parents[2]
DATA = HERE.parent / "shared" / "data"
PROSE = (
    "The keeper of the gate went home in the evening, and nobody in the town had seen him since, so the two friends "
    "went to look for him by the old mill, where the water was high and the lamp still burned behind the door."
)
PLAY = """ACT I

SCENE 1. A room. Two chairs.

MARTA. Before we open any letter, friends,
Let every one of us sit down and drink,
And think of him who wrote it, far away.

PEDRO. I will not sit while Marta holds the thing.
Give me the letter!

MARTA.
  First the wine, and then
The letter, Pedro; and the lamp, and peace.

PEDRO. Then pour.

MARTA. I pour.

BOTH. And now we read."""
MANUAL = """# The lamp

To install the lamp, run this in a folder that you own, and wait until it says that it is ready:

    $ pip install lamp
    $ lamp --light 3

Its settings are in `lamp.yaml`:

lamp:
  light: 3  # candles
  colours:
    - red
    - green

In a program of your own:

import lamp


class Keeper(lamp.Base):
    \"\"\"One who keeps it.

    Nobody else does.
    \"\"\"

    def light(self, *, candles: int) -> None:
        if candles:

            self._candles = candles
        return None

| name | what |
|------|------|
| red | warm |
| green | cold |

Name        Colour    Price
candle      red           2
lamp        green        14"""
SONNET = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
  So long lives this, and this gives life to thee."""


def mended(text: str) -> str:
    cleaned, _ = clean_text(text, SETTINGS)
    assert clean_text(cleaned, SETTINGS)[0] == cleaned
    return cleaned


def wrapped(text: str, width: int = 66) -> str:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


@pytest.mark.parametrize(
    "text",
    [
        PLAY,
        MANUAL,
        SONNET,
        "John Smith\n12 Main Street\nSpringfield, IL 62704",
        "- milk\n- eggs\n  - brown ones\n  - white ones\n- bread",
        "a cup of sugar\ntwo eggs, beaten\nsome salt",
        "Name     Age   City\nAda      36    London\nBo        7    Oslo",
        "CC = gcc\n\nall: main.o\n\t$(CC) -o main main.o\n\nclean:\n\trm -f *.o",
        "services:\n  web:\n    image: nginx\n    ports:\n      - '80:80'",
        "function f(x) {\n  // twice\n  return 2 * x;\n}\n\nf(3);",
        '#include <stdio.h>\n\nint main(void) {\n\tprintf("%d\\n", 3);\n\treturn 0;\n}',
        "SELECT name, age\nFROM people\nWHERE age > 3\nORDER BY name;",
        '#!/bin/sh\nset -eu\n\nfor name in a b; do\n    echo "$name"\ndone',
        '{\n  "a": 1,\n  "b": [1, 2]\n}',
        "First Citizen:\nSpeak, speak.\n\nAll:\nWe know it, we know it.\n\nFirst Citizen:\nLet us kill him.\n\nAll:\nNo more talking.",
    ],
)
def test_lines_that_were_ended_on_purpose_stay(text: str) -> None:
    assert mended(text) == text


@pytest.mark.parametrize(
    "kept", [SONNET, PLAY.split("\n\n", 2)[2], "John Smith\n12 Main Street\nSpringfield, IL 62704", "    x = f(1)\n    print(x)"]
)
def test_prose_around_them_is_joined(kept: str) -> None:
    assert mended(f"{wrapped(PROSE)}\n\n{kept}\n\n{wrapped(PROSE)}") == f"{PROSE}\n\n{kept}\n\n{PROSE}"


@pytest.mark.parametrize("margin", ["", "    "])
def test_paragraphs_that_begin_with_an_indent_are_prose(margin: str) -> None:
    first = PROSE.split(" ", 1)[0]
    lines = "\n".join(margin + line for _ in range(5) for line in wrapped(PROSE).replace(first, f"   {first}", 1).split("\n"))
    assert mended(lines) == "\n\n".join([PROSE] * 5)


def test_code_in_an_answer_is_told_from_the_sentences_around_it() -> None:
    answer = "Use this function:\ndef add(a, b):\n    # the sum\n    return a + b\n\n\nprint(add(1, 2))\n\nIt prints three."
    assert mended(answer) == answer.replace("function:\n", "function:\n\n")


def test_the_code_of_this_repository_stays_as_it_is() -> None:
    files = [
        path
        for folder in ("pipeline", "stages", "conf")
        for path in sorted((HERE / folder).rglob("*.[py]*"))
        if path.suffix in (".py", ".yaml")
    ]
    kept = Settings(
        repairs=("wrapping", "italics", "hyphenation", "quotes", "running_heads"),
        quotes="straight",
        italics="strip",
        editorial="keep",
        mask=SETTINGS.mask,
    )
    changed = []
    for path in [*files, HERE / "Makefile"]:
        text = path.read_text(encoding="utf-8")
        if len(text) > 300 and clean_text(text, kept)[0].strip() != text.strip():  # shorter ones are a docstring, and no code
            changed.append(path.name)
    assert changed == []


def test_a_list_of_mappings_is_yaml_though_most_values_are_prose() -> None:
    entry = "- name: lamp\n  about: A small light that stands on the table, and is lit in the evening by whoever comes home first.\n"
    listed = (
        entry
        + entry.replace("lamp", "bowl")
        + "  and: It was broken once, on a winter evening, and has been mended with a thin line of gold since.\n"
    ) * 3
    assert clean_text(listed, SETTINGS)[0].strip() == listed.strip()


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")
def test_a_second_cleaning_of_real_books_changes_nothing() -> None:
    files = sorted((DATA / "books").glob("*/*.txt"))
    for file in random.Random(7).sample(files, 10):
        mended(decode(file.read_bytes())[0])


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data beside the checkout")
def test_shakespeare_keeps_his_lines() -> None:
    text = (DATA / "shakespeare" / "input.txt").read_text(encoding="utf-8")
    assert mended(text).replace("\n\n", "\n").split("\n") == [line.rstrip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("the [Pg 14]captain", "the captain"),
        ("the[Pg 14] captain", "the captain"),
        ("the cap[Page 14]tain", "the captain"),
        ("the [p. xiv] captain", "the captain"),
    ],
)
def test_a_page_mark_in_a_line_leaves_the_blank_beside_it(text: str, clean: str) -> None:
    assert mended(f"They saw {text} go.") == f"They saw {clean} go."


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("AT&amp;T isn&#39;t &quot;new&quot;&nbsp;now.", 'AT&T isn\'t "new" now.'),
        ("It is &amp;lt;3 and &amp;amp;amp; more &amp;#39;so&amp;#39;.", "It is <3 and & more 'so'."),
        ("Oracle #39;s plan, quot;a big onequot;, isn #39;t amp; won #39;t.", "Oracle's plan, \"a big one\", isn't & won't."),
        ("He said &bogus; and R&D; then.", "He said &bogus; and R&D; then."),
        ("In HTML, write &amp; for an ampersand.", "In HTML, write &amp; for an ampersand."),
        ("Ticket #39; then the amp; was loud.", "Ticket ' then the & was loud."),
        ("The amp; it was loud.", "The amp; it was loud."),
    ],
)
def test_entities_are_characters_again_with_evidence(text: str, clean: str) -> None:
    assert mended(text) == clean


RANDOM = base64.b64encode(random.Random(1).randbytes(300)).decode()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"{PROSE} ![lamp](data:image/png;base64,{RANDOM}) {PROSE}", f"{PROSE} ![lamp]() {PROSE}"),
        (f"{PROSE}\n\n{RANDOM[:76]}\n{RANDOM[76:152]}\n{RANDOM[152:190]}==\n\n{PROSE}", f"{PROSE}\n\n{PROSE}"),
        (f"{PROSE} {RANDOM} {PROSE}", f"{PROSE} {PROSE}"),
        (f"{PROSE}\n\n-----BEGIN KEY-----\n{RANDOM[:64]}\n-----END KEY-----\n\n{PROSE}", f"{PROSE}\n\n{PROSE}"),
    ],
)
def test_blobs_are_cut(text: str, clean: str) -> None:
    assert mended(text) == clean
    assert clean_text(text, SETTINGS)[1]["blobs"] == 1


@pytest.mark.parametrize(
    "text",
    [
        f"{PROSE} da39a3ee5e6b4b0d3255bfef95601890afd80709 {PROSE}",
        f"{PROSE} https://lamp.example/{RANDOM} {PROSE}",
        f"{PROSE} {'f' * 200} {'word' * 60} {PROSE}",
        f"{PROSE} /usr/lib/{'Some/Path1/' * 20}x {PROSE}",
        RANDOM,
    ],
)
def test_hashes_addresses_and_texts_of_nothing_else_are_no_blobs(text: str) -> None:
    assert "blobs" not in clean_text(text, SETTINGS)[1]


def test_editorial_furniture_goes_and_a_sentence_it_cuts_is_closed() -> None:
    text = (
        f"{PROSE}\n\n[Illustration: The gate,\nby [Ada] Stone]\n\nSo it[1] went over\n\n[Illustration]\n\nthe hill.[2] {PROSE}\n\n"
        "[Footnote 1: It did.]\n\n[2] Or so they said.\n\nThe end came.\n\nTranscriber's Notes:\n\nObvious typos were mended.\n\nNo more."
    )
    assert mended(text) == f"{PROSE}\n\nSo it went over the hill. {PROSE}\n\nThe end came."


@pytest.mark.parametrize(
    "text",
    [
        "x[1] is an array, and so is y[2].",
        "See [2] and [3] for more.",
        "[He goes.] He went. [sic]",
        "The note [1] is here.",
        "[Illustrious men] came.",
    ],
)
def test_brackets_of_an_author_stay(text: str) -> None:
    assert mended(text) == text


def test_editorial_furniture_can_be_kept() -> None:
    text = "The gate was open.\n\n[Illustration: The gate]"
    assert clean_text(text, Settings(repairs=None, quotes="straight", italics="strip", editorial="keep", mask=SETTINGS.mask))[0] == text


MARKED = """Parameters
----------
x : array_like, the input of the function that is called, with as many rows as there are
    things to look at, and as many columns
ord : int
    Order of the norm that is taken of the matrix

:param name: what it is called by those who have to deal with it in the course of one long
:param size: how many bytes it may have

A title of a section that is here
=================================
and then the text goes on under it."""


def test_titles_above_a_rule_and_fields_stay_lines_in_a_wrapped_text() -> None:
    prose = "The matrix is taken as it was given by the one who called, and what it holds is looked at\nfrom the first row to the last."
    text, joined = wrapping("\n\n".join([*[prose] * 6, MARKED]))
    assert joined == 6
    assert text.endswith(MARKED)
    assert wrapping(text) == (text, 0)
