"""Attacks in the report: one table, beside what is refused plainly."""

from pipeline.report.attacked import attack_blocks, parts_shown
from pipeline.report.blocks import Table
from pipeline.report.score_table import ScoreTable


def row(task: str, metric: str, value: float) -> dict[str, object]:
    return {"model": "sft", "task": task, "metric": metric, "value": value, "low": value, "high": value, "n": 9}


def test_every_attack_has_a_column_beside_what_is_refused_plainly() -> None:
    found = [row("safety", "refused_harmful", 0.9), row("safety", "over_refusal", 0.1)]
    for attack, value in (("base64", 0.25), ("role_play", 0.75)):
        found += [row(f"safety/{attack}", metric, value) for metric in ("refused_harmful", "over_refusal", "answered_under_attack")]
    (table,) = attack_blocks(ScoreTable(found))
    assert isinstance(table, Table)
    assert list(table.columns) == ["model", "asked plainly", "base64", "role play"]
    refused, answered, over = table.rows
    assert [answered[0], "0.25" in answered[2], over[0]] == ["sft: answered under attack", True, "sft: harmless, refused"]
    assert ["0.9" in refused[1], "0.75" in refused[3], "0.1" in over[1]] == [True, True, True]
    assert parts_shown(ScoreTable(found)) == ["safety/base64", "safety/role_play"]
    assert list(attack_blocks(ScoreTable([row("safety", "refused_harmful", 0.9)]))) == []
