"""Benchmarks in the report: what is right, by parts, what was cut, and which differences are more than noise."""

from pipeline.report.benchmarked import benchmark_blocks, core_blocks, difference_blocks, names_of
from pipeline.report.blocks import Absent, Table
from pipeline.report.score_table import ScoreTable


def board(*rows: tuple[str, str, str, float | None]) -> ScoreTable:
    return ScoreTable(
        {"model": model, "task": task, "metric": metric, "value": value, "low": None, "high": None, "n": 9, "reason": "none asked"}
        for model, task, metric, value in rows
    )


BOARD = board(
    ("base", "blimp", "choice", 0.6),
    ("base", "blimp", "bits_per_byte", 2.5),
    ("base", "blimp", "cut", 0.0),
    ("base", "blimp/island", "choice", 0.7),
    ("base", "blimp/agreement", "choice", 0.5),
    ("chance", "blimp", "choice", 0.5),
    ("base", "gsm8k", "exact", 0.0),
    ("base", "gsm8k", "cut", 0.125),
    ("base", "piqa", "choice", None),
    ("base", "core", "centred", 0.2),
)


def test_each_benchmark_has_its_columns_its_parts_and_what_was_cut_of_it() -> None:
    absent, table, parts = benchmark_blocks(BOARD, ["blimp", "gsm8k", "piqa"])
    assert isinstance(absent, Absent)
    assert "piqa" in absent.what
    assert isinstance(table, Table)
    assert list(table.columns) == ["", "blimp", "blimp, bits a byte", "gsm8k"]
    assert [row[0] for row in table.rows] == ["base", "chance"]
    assert table.note.endswith("Prompts that lost examples or were cut: gsm8k 12.5%.")
    assert isinstance(parts, Table)
    assert [(row[0], row[1]) for row in parts.rows] == [("agreement", "0.500"), ("island", "0.700")]


def test_clean_and_contaminated_items_stand_apart_and_are_no_parts() -> None:
    known = [("base", "arc", "choice", 0.6), ("base", "arc/clean_items", "choice", 0.5), ("base", "arc/contaminated_items", "choice", 0.75)]
    _, apart = benchmark_blocks(board(*known), ["arc"])
    assert isinstance(apart, Table)
    assert [tuple(map(str, row)) for row in apart.rows] == [("arc", "base", "0.500 of 9", "0.750 of 9", "–")]
    assert len(list(benchmark_blocks(board(*known[:2]), ["arc"]))) == 1  # all are clean


def test_tasks_of_the_text_are_no_benchmarks() -> None:
    assert names_of({"text": {"kind": "perplexity"}, "blimp": {"kind": "benchmark"}, "gsm8k": {"kind": "written"}}) == ["blimp", "gsm8k"]


def test_the_figure_over_all_tasks_has_a_row_a_model() -> None:
    (table,) = core_blocks(BOARD)
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["base"]
    assert list(core_blocks(board())) == []


def test_a_difference_that_is_more_than_noise_is_bold_and_says_so() -> None:
    common = {"task": "blimp", "metric": "choice", "low": 0.0, "high": 0.2, "n": 90}
    rows = [
        common | {"one": "sft", "other": "base", "value": 0.1, "p": 0.01, "smallest": 0.05, "noise": False},
        common | {"one": "dpo", "other": "base", "value": 0.01, "p": 0.8, "smallest": None, "noise": True},
    ]
    (table,) = difference_blocks(rows)
    assert isinstance(table, Table)
    first, second = (row[1] for row in table.rows)
    assert "<strong>+0.100</strong> [0.050]" in first
    assert "sft is better by 0.100 than base" in first
    assert "<strong>" not in second
    assert list(difference_blocks([])) == []
