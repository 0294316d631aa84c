"""Held-out text in the report: by part and by source, with the windows in which it was read."""

from typing import Any

from pipeline.report.blocks import Table
from pipeline.report.judged import other_blocks, text_blocks
from pipeline.report.score_table import ScoreTable


def score(model: str, task: str, value: float, stride: int | None, metric: str = "bits_per_byte") -> dict[str, Any]:
    windows = {} if stride is None else {"window": 128, "stride": stride}
    return {"model": model, "task": task, "metric": metric, "value": value, "low": None, "high": None, "n": 5} | windows


BOARD = ScoreTable([
    score("base", "text", 0.5, 96),
    score("4-gram", "text", 0.7, None),
    score("base", "text/plain", 0.6, 127),
    score("base", "text/plain", 0.1, 127, "overfit"),
    score("base", "text/train", 0.5, 127),
    score("base", "text/source_tales", 0.4, 96),
    score("4-gram", "text/source_tales", 0.6, None),
    score("base", "text/plain/source_tales", 0.45, 127),
])  # fmt: skip


def test_text_by_part_and_by_source_says_its_windows() -> None:
    whole, parts, sources = (block for block in text_blocks(BOARD) if isinstance(block, Table))
    assert whole.note.endswith("Models read windows of 128 tokens, stride 96.")
    assert list(parts.columns) == ["model", "test, plain", "train, plain", "overfit"]
    assert "stride 127" in parts.note
    assert [(row[0], row[-1]) for row in sources.rows] == [
        ("tales, test, plain", "windows of 128 tokens, stride 127"),
        ("tales", "windows of 128 tokens, stride 96"),
    ]
    assert list(other_blocks(BOARD, [])) == []
