"""The page as Markdown, for a terminal, a review or an issue: everything but the drawings and the settings in full."""

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from pipeline.report.blocks import Block, Card, Cell, Figures, Quotes, Section, Table

_SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)
_MARK = re.compile(r"</?(mark|strong|code)>")
_CAPTION = re.compile(r"<figcaption>(.*?)</figcaption>", re.DOTALL)
_SIGNS = {"mark": "**", "strong": "**", "code": "`"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def render(*, title: str, lead: str, cards: Sequence[Card], sections: Sequence[Section]) -> str:
    """The whole page; text of the data is escaped."""
    lines = [f"# {plain(title)}", "", plain(lead), "", *_table(("", "", ""), [(card.name, card.value, card.note) for card in cards])]
    for section in sections:
        lines += ["", f"## {plain(section.title)}", "", plain(section.lead)]
        for block in section.blocks:
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def plain(cell: Cell) -> str:
    """One line of Markdown: what is marked stays so, drawings go, signs of Markdown in a text are escaped."""
    if not isinstance(cell, Markup):
        return " ".join(_SPECIAL.sub(r"\\\1", str(cell)).split())
    parts = re.split(r"(</?(?:mark|strong|code)>)", _SVG.sub("", str(cell)))
    shown = [_SIGNS[found[1]] if (found := _MARK.fullmatch(part)) else plain(Markup(part).striptags()) for part in parts if part]
    return " ".join("".join(_spaced(parts, shown)).split())


def _spaced(parts: Sequence[str], shown: Sequence[str]) -> Iterator[str]:
    """`striptags` trims each part; a space that stood at its edge stays."""
    for part, text in zip((part for part in parts if part), shown, strict=True):
        yield f"{' ' if part[:1].isspace() else ''}{text}{' ' if part[-1:].isspace() else ''}"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        if block.title:
            yield from (f"### {plain(block.title)}", "")
        drawn = {place for place, _ in enumerate(block.columns) if place and all(not plain(row[place]) for row in block.rows)}
        keep = [place for place in range(len(block.columns)) if place not in drawn]
        yield from _table([block.columns[place] for place in keep], [[row[place] for place in keep] for row in block.rows])
        if block.note:
            yield from ("", plain(block.note))
    elif isinstance(block, Figures):
        captions = [plain(Markup(found[1])) for figure in block.figures if (found := _CAPTION.search(str(figure)))]
        yield f"Drawings in index.html: {'; '.join(captions)}."
    elif isinstance(block, Quotes):
        yield from (f"### {plain(block.title)}", "")
        yield from ([plain(block.note), ""] if block.note else [])
        for quote in block.quotes:
            yield f"- {plain(quote.by)}: {plain(quote.text)}" if quote.by else f"- {plain(quote.text)}"
    else:
        yield f"{plain(block.what)}: {plain(block.why)}."


def _table(columns: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    yield f"| {' | '.join(map(plain, columns))} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(plain, row))} |"
