"""How sure the models are of their choices, and how often they are right then."""

from collections.abc import Iterator

from pipeline.report.blocks import Block, Figures
from pipeline.report.charts import Curve, line_chart
from pipeline.report.score_table import ScoreTable

ECE = "ece"
_NOTE = "Confidence: the likeliest choice's share of the likelihood of all. Bars: 95% intervals. Diagonal: as sure as right."


def reliability_blocks(board: ScoreTable) -> Iterator[Block]:
    """A reliability curve of each model for each task that asks for calibration."""
    figures = []
    for task in board.with_metric(ECE):
        curves = [curve for model in board.models(task) if (curve := _curve(board, model, task)).points]
        if curves:
            title = f"{task}: chosen rightly, by confidence"
            curves.append(Curve("as sure as right", [(0.0, 0.0), (1.0, 1.0)], reference=True))
            figures.append(line_chart(curves, title=title, x="confidence", levels=[], log=False))
    if figures:
        yield Figures(figures, _NOTE)


def parts_shown(board: ScoreTable) -> list[str]:
    """The bins, which the curves show."""
    return [part for task in board.with_metric(ECE) for part in board.below(task)]


def _curve(board: ScoreTable, model: str, task: str) -> Curve:
    bins = [(board.score(model, part, "confidence"), board.score(model, part, "accuracy")) for part in board.below(task)]
    known = [(sure.value, right) for sure, right in bins if sure.value is not None and right.value is not None]
    spans = [(sure, *right.bounds) for sure, right in known if right.low is not None]
    return Curve(model, [(sure, right.value or 0.0) for sure, right in known], spans)
