"""The glossary explains the numbers of the page, and docs/glossary.md is what it says."""

import re
from collections.abc import Callable
from html import unescape as html_text
from pathlib import Path

import pytest

from pipeline.report.contents import page_of
from pipeline.report.glossary import as_markdown, breakable, explained, term_of, terms
from pipeline.report.headlines import STAGES
from tests.report.conftest import EVIL, SHOWN

Finished = Callable[..., tuple]

LABEL = re.compile(r"<(?:th scope=.col.|dt|i|figcaption)>(?!<a )([^<]+)")
NO_FIGURES = {"model", "kind", "file", "reason", "level", "repair", "repeats", "number", "value"}  # heads of columns that name the row


def test_every_number_that_a_stage_tells_has_a_term() -> None:
    assert [number.name for work in STAGES.values() for number in work.numbers if term_of(number.name) is None] == []


def test_every_head_and_caption_of_a_page_leads_to_its_term(run: Finished) -> None:
    html, *_ = page_of("Scriptorium", *run(facts=True), SHOWN)
    chapters, _ = html.split('<h2 id="glossary">')
    assert {label for label in LABEL.findall(chapters) if html_text(label) not in {*NO_FIGURES, EVIL}} == set()
    assert chapters.count('class="term"') > 60


@pytest.mark.parametrize(
    ("label", "term"),
    [
        ("KL, nats an answer", "KL divergence"),
        ("val.bits_per_byte", "bits per byte"),
        ("ppo.against_reference.gold_win_low", "win rate"),
        ("calibration.ece", "ECE"),
        ("Facts that no instruction told", "knowledge of facts"),
        ("align/dpo: implicit rewards", "implicit reward"),
        ("Answers in which dpo beats the reference", "win rate"),
    ],
)
def test_a_label_is_explained_by_the_most_telling_name_in_it(label, term):
    assert term_of(label).term == term


def test_a_label_without_a_term_stays_as_it_is_and_is_escaped():
    assert explained("<b>colophon</b>") == "&lt;b&gt;colophon&lt;/b&gt;"
    assert explained("<i>KL</i>") == '<a class="term" href="#term-kl-divergence">&lt;i&gt;KL&lt;/i&gt;</a>'


def test_no_name_belongs_to_two_terms_and_every_term_is_one_paragraph():
    names = [name.casefold() for term in terms() for name in {term.term, *map(str, term.also)}]
    assert sorted({name for name in names if names.count(name) > 1}) == []
    assert len({term.anchor for term in terms()}) == len(terms()) > 90
    assert [term.term for term in terms() if not term.text.endswith(".") or term.good not in ("", "high", "low")] == []


def test_the_page_of_the_docs_is_what_the_glossary_says():
    path = Path(__file__).parents[2] / "docs/glossary.md"
    assert path.read_text(encoding="utf-8") == as_markdown(), "make docs"


def test_a_long_key_may_be_broken_behind_its_signs_and_no_other_label():
    assert breakable("dpo.against_reference.kl") == "dpo.<wbr>against_<wbr>reference.<wbr>kl"
    assert [breakable(one) for one in ("text.perplexity", "KL/nats, an answer_")] == ["text.perplexity", "KL/nats, an answer_"]
