"""Markup that carries meaning: what exponents, notes, page numbers, quotations and formulas say is in the text, of pages and of books."""

from collections.abc import Callable

import pytest

from pipeline.text.reading.html import book_page_text, web_page_text

REST = "Another paragraph of the text follows, which goes on for quite some words so that a reader takes it for one."


@pytest.fixture(params=[web_page_text, book_page_text], ids=["web", "book"])
def line(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The text of a paragraph with this markup, as one among others."""

    def extracted(markup: str) -> str:
        head = '<html xmlns:epub="http://www.idpf.org/2007/ops"><body><article>'
        text = request.param(f"{head}<h1>Head</h1><p>{markup}</p><p>{REST}</p></article></body></html>")
        first, found, rest = text.split("\n\n")
        assert (first, rest) == ("Head", REST)
        return str(found)

    return extracted


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("A grid of 10<sup>3</sup> by 10<sup>3</sup> cells.", "A grid of 10^3 by 10^3 cells."),
        ("The sum x<sub>1</sub>+x<sub>n</sub> of them.", "The sum x_1+x_n of them."),
        ("<i>E</i> = <i>mc</i><sup>2</sup>, said he.", "E = mc^2, said he."),
        ("Of H<sub>2</sub>O and CO<sub>2</sub> it is.", "Of H_2O and CO_2 it is."),
        ("An ion Ca<sup>2+</sup> of 10<sup>-3</sup> mol.", "An ion Ca^{2+} of 10^-3 mol."),
        ("It is x<sub>i</sub><sup>2</sup> or x<sub>max</sub>.", "It is x_i^2 or x_{max}."),
        ("A tower 2<sup>2<sup>n</sup></sup> high.", "A tower 2^{2^n} high."),
        ("The number 10<sup>3</sup>5 is odd.", "The number 10^{3}5 is odd."),
        ("A cup and 2<sup>1</sup>/<sub>2</sub> spoons, <sup>3</sup>&frasl;<sub>4</sub> full.", "A cup and 2 1/2 spoons, 3/4 full."),
        ("With style 10<span style='vertical-align: super; font-size: 80%'>3</span> too.", "With style 10^3 too."),
        ("With class 10<span class='sup'>3</span> too.", "With class 10^3 too."),
        ("On the 1<sup>st</sup>, 2<sup>nd</sup> and 4<sup>th</sup> day.", "On the 1st, 2nd and 4th day."),
        ("M<sup>lle</sup> Rose of the XIX<sup>e</sup> century.", "Mlle Rose of the XIXe century."),
        ("It was 20<sup>o</sup>C at Acme<sup>TM</sup>.", "It was 20°C at AcmeTM."),
        ("He was born in 1994<sup>12</sup> somewhere.", "He was born in 1994^12 somewhere."),
    ],
)
def test_exponents_and_indices_can_not_be_taken_for_digits(line: Callable[[str], str], markup: str, text: str) -> None:
    assert line(markup) == text


@pytest.mark.parametrize(
    "mark",
    [
        '<sup><a href="#fn12">12</a></sup>',
        '<a href="#fn12"><sup>12</sup></a>',
        '<a href="notes.xhtml#n12" epub:type="noteref">12</a>',
        '<a href="notes.xhtml#n12" role="doc-noteref">*</a>',
        '<sup class="footnote-ref">12</sup>',
        '<sup id="cite_ref-1" class="reference"><a href="#cite_note-1"><span>[</span>1<span>]</span></a></sup>',
        "<sup>[citation needed]</sup>",
        '<a name="FNanchor_12_12"></a><a href="#Footnote_12_12" class="fnanchor">[12]</a>',
        '<a href="#n12">12</a>',
        "<sup>†</sup>",
        '<span epub:type="pagebreak" id="p12">12</span>',
        '<span class="pagenum"><a id="Page_12">[Pg 12]</a></span>',
        '<span role="doc-pagebreak" title="12"></span>',
    ],
)
def test_marks_of_notes_and_numbers_of_pages_go(line: Callable[[str], str], mark: str) -> None:
    assert line(f"It came out in 1994{mark} and sold well.") == "It came out in 1994 and sold well."
    assert line(f"It came out in spring.{mark} It sold well.") == "It came out in spring. It sold well."


@pytest.mark.parametrize(
    "number", ['<span class="pagenum">12</span>', '<span epub:type="pagebreak">12</span>', '<a class="page-number">xii</a>']
)
def test_a_number_of_a_page_does_not_part_a_word(line: Callable[[str], str], number: str) -> None:
    assert line(f"All the passen{number}gers went ashore.") == "All the passengers went ashore."


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ('See <a href="#p12">12</a> and chapter <a href="#c3">3</a>.', "See 12 and chapter 3."),
        ('In Fig.<a href="#fig1">1</a> and Section<a href="#s2">2</a>of it.', "In Fig. 1 and Section 2 of it."),
        ('By <a class="reference internal" href="#eq1">(1)</a> it holds.', "By (1) it holds."),
        ('The equation (<a href="#e12">12</a>) holds.', "The equation (12) holds."),
        ("<sup>12</sup>And God said, <sup>13</sup>Let it be.", "12 And God said, 13 Let it be."),
        ('<sup><a href="#r1">1</a></sup>See Smith.', "1 See Smith."),
        ('A <span class="reference">reference of several words</span> stays.', "A reference of several words stays."),
        ('<span class="page-number-style">Not a number</span> of a page.', "Not a number of a page."),
    ],
)
def test_what_only_looks_like_a_mark_stays_or_stands_apart(line: Callable[[str], str], markup: str, text: str) -> None:
    assert line(markup) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("She said <q>come in</q> and he came.", "She said “come in” and he came."),
        ("He wrote <q>she said <q>no</q> twice</q> to us.", "He wrote “she said ‘no’ twice” to us."),
        ("She said <q>“come in”</q> and he came.", "She said “come in” and he came."),
        ("She said “<q>come in</q>” and he came.", "She said “come in” and he came."),
        ("She said <q><i>come</i> in</q>, and he came.", "She said “come in”, and he came."),
        ("Of <ruby>漢<rt>kan</rt></ruby> and <ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby>.", "Of 漢(kan) and 字(ji)."),
        ("A Donau<wbr>dampf<wbr>schiff and a <nobr>long line</nobr> of it.", "A Donaudampfschiff and a long line of it."),
        (
            "An <abbr>abbr</abbr> <cite>cite</cite> <kbd>kbd</kbd> <var>v</var> <samp>s</samp> <mark>m</mark> <time>t</time> <dfn>d</dfn>.",
            "An abbr cite kbd v s m t d.",
        ),
    ],
)
def test_inline_elements_stay_in_their_line(line: Callable[[str], str], markup: str, text: str) -> None:
    assert line(markup) == text


MATH = "<math{}><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mfrac><mn>1</mn><mi>n</mi></mfrac></mrow>{}</semantics></math>"
TEX = '<annotation encoding="application/x-tex">{}</annotation>'


@pytest.mark.parametrize(
    ("math", "text"),
    [
        (MATH.format("", ""), "x^2 + 1/n"),
        (MATH.format("", TEX.format(r"x^2+\frac{1}{n}")), r"$x^2+\frac{1}{n}$"),
        (MATH.format(r' alttext="{\displaystyle x^{2}}"', ""), "x^{2}"),
        (MATH.format(' display="block"', "").replace("<m", "<m:m").replace("</m", "</m:m"), "x^2 + 1/n"),
        ('<span style="display: none;">' + MATH.format("", "") + '</span><img class="mwe-math-fallback-image" alt="x^2">', "x^2 + 1/n"),
        (
            '<span class="katex"><span class="katex-mathml">' + MATH.format("", "") + '</span><span class="katex-html">x2+1n</span></span>',
            "x^2 + 1/n",
        ),
        (r'<span class="MathJax_Preview">x2</span><script type="math/tex">\alpha^2</script>', r"$\alpha^2$"),
        ('<img class="tex" alt="x^2" src="x.png">', "x^2"),
        (
            "<math><msqrt><mi>a</mi><mo>&#x2062;</mo><mi>b</mi></msqrt><mo>=</mo><msub><mi>x</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub></math>",
            "sqrt(ab) = x_{ij}",
        ),
    ],
)
def test_a_formula_is_said_once(line: Callable[[str], str], math: str, text: str) -> None:
    assert line(f"The value of {math} is known to all.") == f"The value of {text} is known to all."


def test_a_formula_between_paragraphs_is_one_of_its_own() -> None:
    page = f"<html><body><article><p>{REST}</p>{MATH.format('', '')}<p>{REST}</p></article></body></html>"
    for text in (web_page_text(page), book_page_text(page)):
        assert text == f"{REST}\n\nx^2 + 1/n\n\n{REST}"


@pytest.mark.parametrize("closed", ["<title/>", '<script src="a.js"/>', "<style />"])
def test_an_element_of_a_book_that_is_closed_at_once_does_not_swallow_the_page(closed: str) -> None:
    head = f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head>{closed}</head>'
    page = f'{head}<body><p>One<a id="p2"/>line.</p><p/><p>Two.</p></body></html>'
    assert book_page_text(page) == "Oneline.\n\nTwo."
