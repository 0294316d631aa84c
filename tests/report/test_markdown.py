"""The page as Markdown: tables, quotations, what is marked; text of the data is no markup."""

from markupsafe import Markup

from pipeline.report.blocks import Absent, Card, Figures, Quote, Quotes, Section, Table
from pipeline.report.charts import Curve, Interval, interval_bar, line_chart
from pipeline.report.markdown import plain, render
from pipeline.report.svg import element

BAR = interval_bar(Interval("x", 0.5, 0.4, 0.6), low=0.0, high=1.0, reference=None)
CELL = Markup("").join(["0.500", element("span", " 0.400 – 0.600", class_="interval"), element("br"), BAR])


def test_a_table_has_its_figures_and_no_drawing() -> None:
    table = Table("Wins | losses", ("model", "wins", ""), [("dpo", CELL, BAR)], "Higher is better.")
    page = render(title="Run", lead="A run.", cards=[Card("KL", "1.1", "nats")], sections=[Section("s", "Scores", "All.", [table])])
    assert "| model | wins |\n|---|---|\n| dpo | 0.500 0.400 – 0.600 |\n\nHigher is better." in page
    assert "### Wins \\| losses" in page
    assert "| KL | 1.1 | nats |" in page
    assert "<" not in page.replace("\\<", "")


def test_what_is_marked_stays_marked_and_signs_of_markdown_are_text() -> None:
    learned = Markup("").join(["<|user|> Who *is*", element("mark", " Ada.<|end|>")])
    assert plain(Markup("a ") + element("mark", "b_c") + Markup(" d")) == "a **b\\_c** d"
    assert "**" in plain(learned)
    assert plain("[x](y) `z` # <script>\n| a") == "\\[x\\](y) \\`z\\` \\# \\<script\\> \\| a"


def test_quotes_captions_and_what_is_absent_are_told() -> None:
    chart = line_chart([Curve("a", [(0, 1.0), (1, 2.0)])], title="sft: loss", x="step", levels=[], log=False)
    blocks = [Quotes("Samples", [Quote("base", "One\nline")], "Of many."), Figures([chart]), Absent("Facts", "not run")]
    page = render(title="R", lead="", cards=[], sections=[Section("s", "S", "", blocks)])
    assert "### Samples\n\nOf many.\n\n- base: One line" in page
    assert "Drawings in index.html: sft: loss." in page
    assert "Facts: not run." in page
