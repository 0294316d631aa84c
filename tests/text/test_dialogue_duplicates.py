"""Rows that say the same count once; rows that contradict each other teach nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.text.dialogues.duplicates import near_copies
from pipeline.text.dialogues.files import Duplicates, Reading, read_dialogues
from tests.text.dialogue_tools import rules


def read(folder: Path, rows: list[dict[str, Any]], duplicates: Duplicates = "drop", bad: float = 1.0) -> Reading:
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_dialogues(folder, (), rules(bad, duplicates), seed=1)


def pair(better: str, worse: str, prompt: str = "Which?") -> dict[str, Any]:
    return {"prompt": prompt, "chosen": better, "rejected": worse}


def test_the_same_row_many_times_counts_once(tmp_path: Path) -> None:
    rows = [{"prompt": "Why?", "response": "So."}] * 31 + [{"prompt": "Why?", "response": "Thus."}, pair("a", "b"), pair("a", "b")]
    found = read(tmp_path, rows)
    assert [row["messages"][1]["content"] for row in found.tables["instructions"]] == ["So.", "Thus."]
    assert len(found.tables["preferences"]) == 1
    assert found.counts()["copies"] == {"instructions": 30, "preferences": 1}
    assert any("30 instructions were equal to another" in line for line in found.told())
    kept = read(tmp_path, rows, duplicates="keep")
    assert (len(kept.tables["instructions"]), kept.counts()["copies"]) == (32, {})


def test_one_answer_over_the_other_and_the_other_over_the_one_go_to_quarantine_by_name(tmp_path: Path) -> None:
    found = read(tmp_path, [pair("a", "b"), pair("c", "d"), pair("b", "a"), pair("a", "b", "Who?")])
    assert [(row["prompt"][0]["content"], row["chosen"]) for row in found.tables["preferences"]] == [("Which?", "c"), ("Who?", "a")]
    assert [(row.line, row.reason) for row in found.bad] == [(1, "contradicts_another_row"), (3, "contradicts_another_row")]


def test_an_answer_that_is_good_and_bad_is_neither(tmp_path: Path) -> None:
    rows = [{"prompt": "Why?", "completion": "So.", "label": label} for label in (True, False)]
    found = read(tmp_path, [*rows, {"prompt": "Why?", "completion": "Thus.", "label": True}])
    assert [row["completion"] for row in found.tables["labels"]] == ["Thus."]


def test_many_contradictions_fail_the_stage(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="contradicts_another_row"):
        read(tmp_path, [pair("a", "b"), pair("b", "a"), pair("c", "d")], bad=0.1)


def test_near_copies_of_prompts_are_counted() -> None:
    assert near_copies(["Where is Ada?", "where is ada", "Where is Bo?", "Where is Ada?"]) == 1
