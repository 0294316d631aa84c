"""Dialogues of every usual shape are read; what is wrong stands in the quarantine with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.text.dialogues.files import read_dialogues

ASK = {"role": "user", "content": "Why?"}
ANSWER = {"role": "assistant", "content": "So."}


def read(folder: Path, *values: object, name: str = "a.jsonl") -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values))
    return read_dialogues(folder, max_bad_fraction=1.0, seed=1)


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASK, ANSWER]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"prompt": "Why?", "response": "So."},
        {"prompt": [ASK], "completion": "So."},
        {"instruction": "Why?", "input": "", "output": " So.\n"},
        {"question": "Why?", "answer": "So."},
        {"instruction": "Why?", "instances": [{"input": "", "output": "So."}]},
    ],
)
def test_every_shape_of_an_instruction_gives_the_same_messages(tmp_path: Path, row: dict[str, Any]) -> None:
    instructions, preferences, bad = read(tmp_path, row)
    assert [one["messages"] for one in instructions] == [[ASK, ANSWER]]
    assert (preferences, bad) == ([], [])
    assert instructions[0].keys() == {"id", "part", "fact", "messages"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
        {"prompt": [ASK], "chosen": [ANSWER], "rejected": [{"role": "assistant", "content": "No."}]},
        {"prompt": "Why?", "chosen": [ASK, ANSWER], "rejected": [ASK, {"role": "assistant", "content": "No."}]},
        {"chosen": [ASK, ANSWER], "rejected": [ASK, {"role": "assistant", "content": "No."}]},
        {"chosen": "\n\nHuman: Why?\n\nAssistant: So.", "rejected": "\n\nHuman: Why?\n\nAssistant: No."},
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "chosen": " So.", "rejected": " No."},
    ],
)
def test_every_shape_of_a_preference_gives_the_same_pair(tmp_path: Path, row: dict[str, Any]) -> None:
    instructions, preferences, bad = read(tmp_path, row)
    assert [(one["prompt"], one["chosen"], one["rejected"], one["kind"]) for one in preferences] == [([ASK], "So.", "No.", "a")]
    assert (instructions, bad) == ([], [])
    assert preferences[0].keys() == {"id", "part", "fact", "kind", "prompt", "chosen", "rejected"}


def test_an_input_stands_below_its_instruction(tmp_path: Path) -> None:
    instructions, _, _ = read(
        tmp_path, {"instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}, {"input": "2 2", "output": "4"}]}
    )
    assert [one["messages"][0]["content"] for one in instructions] == ["Add.\n\n1 2", "Add.\n\n2 2"]
    assert len({one["id"] for one in instructions}) == 2


def test_the_common_beginning_of_two_conversations_is_the_prompt(tmp_path: Path) -> None:
    start = "\n\nHuman: One?\n\nAssistant: Two.\n\nHuman: Three?"
    _, preferences, _ = read(tmp_path, {"chosen": start + "\n\nAssistant: Four.", "rejected": start + "\n\nAssistant: Five."})
    assert [turn["content"] for turn in preferences[0]["prompt"]] == ["One?", "Two.", "Three?"]
    assert (preferences[0]["chosen"], preferences[0]["rejected"]) == ("Four.", "Five.")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why?", "chosen": "So.", "rejected": "So. "}, "chosen_equals_rejected"),
        ({"prompt": "Why?", "chosen": "So.", "rejected": ""}, "empty_answer"),
        ({"prompt": "Why?", "response": "  "}, "empty_answer"),
        ({"prompt": "Why?", "response": None}, "null_text"),
        ({"prompt": None, "response": "So."}, "null_text"),
        ({"prompt": "Why?", "response": 7}, "wrong_type"),
        ({"messages": "Why?"}, "wrong_type"),
        ({"messages": [ASK]}, "no_answer"),
        ({"messages": [ANSWER, ANSWER]}, "roles_out_of_order"),
        ({"messages": [{"role": "narrator", "content": "x"}, ANSWER]}, "unknown_role"),
        ({"text": "Why? So."}, "unknown_shape"),
    ],
)
def test_a_row_that_can_not_be_used_goes_to_the_quarantine(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    instructions, preferences, bad = read(tmp_path, {"prompt": "Good?", "response": "Good."}, row)
    assert (len(instructions), len(preferences)) == (1, 0)
    assert [(one["file"], one["line"], one["reason"]) for one in bad] == [("a.jsonl", 2, reason)]


def test_a_json_array_is_read_like_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"prompt": "Why?", "response": "So."}, 3]))
    instructions, _, bad = read_dialogues(tmp_path, max_bad_fraction=1.0, seed=1)
    assert len(instructions) == 1
    assert [row["reason"] for row in bad] == ["not_an_object"]


def test_one_prompt_is_never_in_two_parts_and_each_part_holds_some(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {number % 50}?", "response": f"Answer {number}."} for number in range(200)]
    instructions, _, _ = read(tmp_path, *rows)
    by_part = {part: {one["messages"][0]["content"] for one in instructions if one["part"] == part} for part in ("train", "val")}
    assert not by_part["train"] & by_part["val"]
    assert 1 <= len(by_part["val"]) <= 15


def test_adding_a_row_moves_no_other_between_parts(tmp_path: Path) -> None:
    rows = [{"prompt": f"{number}?", "chosen": "Yes.", "rejected": "No."} for number in range(100)]
    before = read(tmp_path, *rows)[1]
    assert read(tmp_path, *rows, {"prompt": "Last?", "chosen": "Yes.", "rejected": "No."})[1][:-1] == before


def test_a_folder_of_unknown_shape_is_told_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the columns are body, title"):
        read(tmp_path, {"title": "x", "body": "y"})


def test_too_many_bad_rows_fail_and_name_the_leader(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "response": "b"}\n{"prompt": "a", "response": null}\n')
    with pytest.raises(InputError, match=r"1 of 2 rows are unusable; a\.jsonl leads with 1 null_text"):
        read_dialogues(tmp_path, max_bad_fraction=0.1, seed=1)
