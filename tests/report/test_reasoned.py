"""Thinking in the report: curves by budget and by difficulty."""

from pipeline.report.blocks import Absent, Figures, Table
from pipeline.report.reasoned import foretold_blocks, parts_shown, reasoning_blocks
from pipeline.report.score_table import ScoreTable


def row(task: str, metric: str, value: float | None, *, model: str = "sft") -> dict[str, object]:
    bounds = {"low": None, "high": None} if value is None else {"low": value - 0.1, "high": value + 0.1}
    return {"model": model, "task": task, "metric": metric, "value": value, "n": 9, "reason": "no step was wrong"} | bounds


def test_each_model_has_a_curve_by_budget_and_one_by_digits() -> None:
    rows = [
        row(task, metric, value, model=model)
        for model in ("sft", "rlvr")
        for task, metric, value in (
            *((f"sums/budget_{budget}", "accuracy", budget / 100) for budget in (0, 8, 64)),
            *((f"sums/{level}", metric, 0.5) for level in ("1", "2", "3", "friend") for metric in ("accuracy", "thinks", "tokens")),
            *(("sums", metric, 0.5) for metric in ("accuracy", "thinks", "tokens", "slipped")),
            ("sums", "mended", None),
        )
    ]
    board = ScoreTable(rows)
    figures, alone, levels, lengths = reasoning_blocks(board)
    assert isinstance(figures, Figures)
    assert ["by thinking budget" in figures.figures[0], "by the digits" in figures.figures[1]] == [True, True]
    assert all("rlvr" in figure for figure in figures.figures)
    assert isinstance(alone, Table)
    assert len(alone.rows) == 2
    assert "no step was wrong" in alone.rows[0][-1]
    assert isinstance(levels, Table)
    assert list(levels.columns) == ["model", "1", "2", "3", "friend"]
    assert isinstance(lengths, Table)
    assert lengths.title.endswith("tokens of thought")
    assert set(parts_shown(board)) == {
        "sums",
        *(f"sums/budget_{budget}" for budget in (0, 8, 64)),
        "sums/1",
        "sums/2",
        "sums/3",
        "sums/friend",
    }


def test_what_thoughts_gain_on_held_out_text_is_a_row_an_entry() -> None:
    gains = {f"{name}{bound}": 0.25 for name in ("before", "after", "change") for bound in ("", "_low", "_high")}
    (table,) = foretold_blocks({"passages": {"foretold": gains | {"n": 64}}, "rlvr": {"steps": 3}, "other": None})
    assert isinstance(table, Table)
    (row,) = table.rows
    assert [row[0], row[-1]] == ["passages", "64"]
    assert row[3].startswith("0.25")
    assert list(foretold_blocks({"rlvr": {"steps": 3}})) == []


def test_a_task_that_was_not_measured_says_why() -> None:
    (block,) = reasoning_blocks(ScoreTable([row("sums", metric, None) for metric in ("accuracy", "thinks")]))
    assert isinstance(block, Absent)
    assert block.why == "no step was wrong"
