"""Cleaning of whole shards: one row a document, gates that change nothing, policies, clear errors."""

import random
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.text.repair import prefilter_bits
from pipeline.text.repair.clean import (
    _SETTLED,
    NAMES,
    Plan,
    _settled,
    check,
    clean_text,
    counts,
    repair,
    repair_documents,
    repair_plan,
)
from pipeline.text.repair.ocr import may_be_misread
from pipeline.text.repair.paragraphs import wrapping
from pipeline.text.repair.prefilter import prefilter, prefilter_text
from pipeline.text.repair.verbatim import extract_blocks
from pipeline.text.truth.clean import cleaning_metrics
from tests.text.repair_settings import SETTINGS

FRAGMENTS = [
    "the ", "House ", "THE LAMP\n", "Chapter 1. The Lamp\n", "1\n", "- 2 -\n", "[Pg 4]", "\n", "\n\n", " ", "  ", "\t", "\r\n", "\r", "\f",
    "\x85", "\u2028", "’", "“", "â€™", "Ã©",
    "é", "e\u0301", "\u00ad", "gar-\n", "den", "gar¬\n", "gar‐ \n", "ﬁ", "ｈ", "\u3000",
    "\xa0", "\u200b", "\x01", "_a_", "*b c*", "<i>", "</EM>", "a_b", "***\n", "*** START OF THIS BOOK\n", "*** END OF THE OPEN EBOOK X\n",
    "Home | About\n", "Click here\n", "Share this on Facebook\n", "© 2021 Me\n", "We use cookies\n", "12 comments\n", "← back\n",
    "Home\nBlog\nNext\n", "tlie ", "w1th ", "b0ok ", "book ", "vvater ", "water ", "modem ", "modern ", "ada@mail.example ",
    "(415) 555-0132 ", "+44 20 7946 0018 ", "call 555-0132 ", "4111 1111 1111 1111", "192.0.2.1 ", "2001:db8::1 ", "1.2.3 ", "1907-1911 ",
    "Contents\n", "The Lamp ..... 12\n", "The Door .... 15\n", "The End . . . 19\n", "I.\n", "Produced by Bo\n",
    "This ebook is licensed under a public domain copyright licence. Donate copies.\n",
    "0151-23456789 ", "0049 151 23456789 ", "(02) 9374 4000 ", "4111 1111 1111 1111 12/27 ", "::ffff:203.0.113.7 ", "addr:192.0.2.1 ",
    "carne ", "came ", "Sorne ", "lantem ", "lantern ", "moming ", "morning ", "這是\n", "文章。\n", "All rights reserved, permission.\n\n",
    "ſ", "K", "İ", "\ufeff", "日本", "！", "ï»¿", "\u212b",
    "line of words that is long enough to be one of a page of text\n", "another line of words that is long enough to be of a page\n",
]  # fmt: skip


def table(*texts: str, bits: list[list[float] | None] | None = None) -> pa.Table:
    rows = len(texts)
    return pa.table(
        [
            pa.array([f"d{row}" for row in range(rows)]),
            pa.array(["s"] * rows),
            pa.array([f"{row}.txt" for row in range(rows)]),
            pa.nulls(rows, pa.string()),
            pa.array(texts),
            pa.array(bits or [None] * rows, pa.list_(pa.float64())),
        ],
        schema=DOCUMENTS,
    )


def mask_of(text: str) -> int:
    return prefilter_text(text) | (prefilter_bits.WORDS if may_be_misread(text) else 0)


def _lines(plan: Plan) -> Plan:
    """The repairs that run again."""
    return [step for step in plan if any(step[0] in names for names in _SETTLED.values())]


@pytest.mark.parametrize("seed", range(3))
def test_a_repair_that_nothing_calls_for_would_change_nothing(seed: int) -> None:
    draw = random.Random(seed)
    plan = repair_plan(SETTINGS)
    for _ in range(400):
        original = text = "".join(draw.choice(FRAGMENTS) for _ in range(draw.randrange(1, 40)))
        for name, mend, bits in plan:
            mended, _ = mend(text)
            assert mended == text or mask_of(text) & bits, (name, text)
            text = mended
        if not extract_blocks(original, code=True)[1]:
            assert repair(original, mask_of(original), plan)[0] in (text, _settled(text, -1, _lines(plan), Counter(), wrapping)), original


def test_the_masks_of_a_column_are_those_of_its_texts_also_of_slices_and_chunks() -> None:
    draw = random.Random(7)
    texts = ["".join(draw.choice(FRAGMENTS) for _ in range(30)) for _ in range(40)] + ["", "a"]
    column = pa.chunked_array([pa.array(texts[:10]), pa.array(["x", *texts[10:]]).slice(1)])
    assert prefilter(column).tolist() == [prefilter_text(text) for text in texts]


def test_every_document_stays_and_empty_ones_stay_empty() -> None:
    documents, repairs = repair_documents(table("A plain text.", " \n\n ", "", "It’s wrapped "), SETTINGS)
    assert documents["text"].to_pylist() == ["A plain text.", "", "", "It's wrapped"]
    assert documents["id"].to_pylist() == ["d0", "d1", "d2", "d3"]
    assert {row["id"] for row in repairs.to_pylist()} <= {"d3"}


def test_bits_stay_only_where_there_is_one_number_a_paragraph() -> None:
    texts = ("One.\n\nTwo.", "One.\n\nTwo.", "One.")
    documents, _ = repair_documents(table(*texts, bits=[[1.0, 2.0], [1.0], None]), SETTINGS)
    assert documents["bits"].to_pylist() == [[1.0, 2.0], None, None]


def test_counts_tell_how_many_documents_and_how_often() -> None:
    told = counts(*repair_documents(table("‘a’", "“b”", "c"), SETTINGS))
    assert (told["documents"], told["repaired"]["quotes"], told["times"]["quotes"]) == (3, 2, 4)
    assert set(told["repaired"]) == set(NAMES)


def test_policies_keep_what_they_say() -> None:
    text = "‘a’ _b_ ada@mail.example ada 192.0.2.1 w1th"
    kept = replace(
        SETTINGS, quotes="keep", italics="keep", mask={**SETTINGS.mask, "email": None}, repairs=("quotes", "italics", "mail", "ip")
    )
    assert clean_text(text, kept) == ("‘a’ _b_ ada@mail.example ada [ip] w1th", {"ip": 1})
    assert clean_text(text, SETTINGS)[0] == "'a' b [mail] ada [ip] with"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"repairs": ("quote",)}, "quote"),
        ({"mask": {"email": "x", "phone": "x", "card": "x"}}, "mask.ip"),
        ({"mask": {**SETTINGS.mask, "fax": "[fax]"}}, "fax"),
        ({"mask": {**SETTINGS.mask, "ip": ""}}, "mask.ip"),
        ({"mask": {**SETTINGS.mask, "email": "nobody@mail.example"}}, "mask.email"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(changes: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        check(replace(SETTINGS, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unit", ["a", " ", "_", "*", "1", "1.", "1 ", "-\n", "@", "a@", "a:", "\f", "Ã©", "Chapter 1\n", "home | ", "<", "\u200d"]
)
@pytest.mark.timeout(120)  # all repairs take some seconds; one that grows with the square of the length takes hours
def test_no_text_of_a_megabyte_takes_for_ever(unit: str) -> None:
    text = unit * ((1 << 20) // len(unit))
    for _, mend, _ in repair_plan(SETTINGS):
        mend(text)


def test_truth_tells_planted_precision_recall_and_equality() -> None:
    truth = pa.table(
        {
            "id": ["d0", "d1", "d2"],
            "fate": ["keep", "keep", "drop"],
            "clean": ["'a'", "b", ""],
            "plants": [["quotes"], ["quotes", "mail"], ["gibberish"]],
        }
    )
    told = cleaning_metrics(truth, *repair_documents(table("‘a’", "_b_", "‘c’"), SETTINGS), names=NAMES)
    assert told["repairs"]["quotes"] == {"planted": 2, "precision": 1.0, "recall": 0.5}
    assert told["repairs"]["italics"] == {"planted": 0, "precision": 0.0, "recall": None}
    assert told["equal"] == 1.0
