"""One table of all models."""

from pipeline.report.overview import overview_blocks
from pipeline.report.score_table import ScoreTable

ROWS = [
    ("sft", "core", "centred", 0.8),
    ("dpo", "core", "centred", 0.7),
    ("dpo", "against_reference", "gold_win", 0.75),
    ("dpo", "safety", "refused_harmful", 0.9),
    ("sft", "sampled_answers", "tokens", 10.0),
    ("theirs", "sampled_answers", "tokens", 30.0),
]


def board(rows: list[tuple[str, str, str, float]]) -> ScoreTable:
    names = ("model", "task", "metric", "value")
    return ScoreTable(dict(zip(names, row, strict=True)) | {"low": None, "high": None, "n": 4} for row in rows)


def test_each_model_is_a_row_and_what_nobody_measured_has_no_column() -> None:
    (block,) = overview_blocks(board(ROWS), own={"sft", "dpo"}, flops_per_token=2_000_000)
    assert block.columns == (
        "model",
        "accuracy",
        "helpfulness, by rules",
        "safety: harmful, refused",
        "latency: tokens an answer",
        "cost: operations an answer",
    )
    found = {str(row[0]): [str(one) for one in row] for row in block.rows}
    assert set(found) == {"sft", "dpo", "theirs"}
    assert "0.900" in found["dpo"][3]
    assert found["sft"][-1] == "20 M"
    assert found["theirs"][-1] == found["dpo"][-1] == "–"  # of another shape; without an answer


def test_one_virtue_alone_is_no_table() -> None:
    assert list(overview_blocks(board(ROWS[:2]), own=set(), flops_per_token=None)) == []
