"""The reliability curves of choices in the report."""

from pipeline.report.blocks import Figures
from pipeline.report.choices import parts_shown, reliability_blocks
from pipeline.report.score_table import ScoreTable


def row(task: str, metric: str, value: float, *, model: str = "base") -> dict[str, object]:
    return {"model": model, "task": task, "metric": metric, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 9}


def test_each_model_has_a_curve_beside_the_diagonal() -> None:
    bins = [row("sure/0.30", "confidence", 0.35), row("sure/0.30", "accuracy", 0.5), row("sure/0.70", "confidence", 0.75)]
    board = ScoreTable([row("sure", "ece", 0.1), row("sure", "ece", 0.2, model="sft"), *bins, row("sure/0.70", "accuracy", 0.7)])
    (figures,) = reliability_blocks(board)
    assert isinstance(figures, Figures)
    (drawn,) = figures.figures
    assert "sure: chosen rightly, by confidence" in drawn
    assert "as sure as right" in drawn
    assert "base" in drawn
    assert "sft" not in drawn  # it has no bins
    assert parts_shown(board) == ["sure/0.30", "sure/0.70"]


def test_without_calibration_nothing_is_drawn() -> None:
    assert list(reliability_blocks(ScoreTable([row("text", "bits_per_byte", 1.0)]))) == []
