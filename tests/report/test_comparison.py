"""What differs between runs, and what is told of it."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluate.items import item_record
from pipeline.report.compared import INTERVALS, PAIRED, ComparedRun, code, judged, metrics, settings, varied
from pipeline.report.comparison import comparison, headlines, page, table

ITEMS = 40


def answers(right: int) -> list[Mapping[str, Any]]:
    """Items of which the first so many are right."""
    rows = [item_record("facts", f"i{n}", f"c{n}", "choice", chance=0.5) for n in range(ITEMS)]
    return [row | {"choice": float(n < right)} for n, row in enumerate(rows)]


def run(name: str, beta: float, right: int, **more: Any) -> ComparedRun:
    share = right / ITEMS
    records = answers(right)

    def known(models: Sequence[str]) -> dict[str, Any]:
        return {model: records for model in models}

    facts = {"choice": share, "choice_low": share - 0.2, "choice_high": share + 0.2}
    values: dict[str, Any] = {
        "name": name,
        "origin": "test",
        "settings": {"align": {"dpo": {"beta": beta}}, "copy": {"beta": beta}, "hardware": {"threads": right}},
        "metrics": {"pretrain": {"loss": 1.5, "steps": 5}, "evaluate/base": {"facts": facts}},
        "curves": {"pretrain": [{"step": 1.0, "loss": 2.0 + beta}, {"step": 2.0, "loss": 1.5}]},
        "records": known,
    }
    return ComparedRun(**(values | more))


RUNS = [run("a", 0.1, 20), run("b", 0.3, 32), run("c", 1.0, 20)]


def test_values_that_only_pass_a_value_on_are_one_row_and_hardware_is_none() -> None:
    (row,) = settings(RUNS)
    assert (row.name, row.values, row.also) == ("copy.beta", [0.1, 0.3, 1.0], ["align.dpo.beta"])
    assert varied([row]) is row
    assert varied(settings(RUNS[:2])) is None  # two points are no sweep
    assert len(settings(RUNS, every=True)) == 2


def test_the_same_items_are_paired_and_tell_what_two_intervals_cannot() -> None:
    (metric,) = metrics(RUNS)
    assert metric.full == "evaluate/base.facts.choice"
    assert metric.apart[0] is None
    paired = metric.apart[1]
    assert paired is not None
    assert (paired.by, paired.noise, round(paired.value, 6)) == (PAIRED, False, 0.3)
    assert metric.apart[2] is None
    (apart,) = metrics([run("a", 0.1, 20, records=lambda _: {}), RUNS[1]])
    assert apart.apart[1] is not None
    assert (apart.apart[1].by, apart.apart[1].noise) == (INTERVALS, False)
    (near,) = metrics([run("a", 0.1, 20, records=lambda _: {}), run("d", 0.1, 26)])
    assert near.apart[1] is not None
    assert near.apart[1].noise  # .15 apart, each known to .2
    assert judged([metric, near]) == (1, 2)


def test_a_file_of_code_is_named_with_the_stages_that_differ_by_it() -> None:
    one = {"sft": {"code": {"x.py": "1", "y.py": "2"}}, "dpo": {"code": {"x.py": "1"}}}
    other = {"sft": {"code": {"x.py": "1", "y.py": "3"}}, "dpo": {"code": {"x.py": "1"}}}
    (row,) = code([run("a", 1, 20, code=one), run("b", 1, 20, code=other)])
    assert (row.name, row.values, row.also) == ("y.py", ["A", "B"], ["sft"])


def test_headline_figures_have_the_ends_of_their_intervals() -> None:
    ends = [headlines(RUNS[0], end)["base.choice"] for end in ("", "_low", "_high")]
    assert ends == [0.5, 0.3, 0.7]


def test_a_sweep_is_drawn_and_the_csv_says_what_is_more_than_noise() -> None:
    found = comparison(RUNS)
    html = page(found, title="Comparison")
    assert "base.choice" in html
    assert "copy.beta on the axis" in html
    assert "pretrain: loss" in html
    assert "loss</th>" not in html  # equal in all runs
    rows = {(row["name"], row["run"]): row for row in csv.DictReader(table(found).splitlines())}
    row = rows["evaluate/base.facts.choice", "b"]
    assert (row["noise"], row["by"], row["low"]) == ("no", PAIRED, "0.6000000000000001")
    assert rows["align.dpo.beta", "c"]["value"] == "1.0"


def test_names_of_runs_are_neither_terms_nor_markup() -> None:
    html = page(comparison([run("loss", 0.1, 20), run("<script>x", 0.3, 20)]), title="Comparison")
    assert "<script>x" not in html
    assert '<th scope="col">loss</th>' in html
