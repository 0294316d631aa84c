"""Dialogues of every usual shape are read; what is wrong stands in the quarantine with its reason."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.text.dialogues.files import Reading, read_dialogues
from pipeline.text.dialogues.rows import HubData
from pipeline.text.splitting.prompts import prompt_overlap, user_turns
from tests.text.dialogue_tools import rules

ASK = {"role": "user", "content": "Why?"}
ANSWER = {"role": "assistant", "content": "So."}


def reading(folder: Path, *values: object, name: str = "a.jsonl") -> Reading:
    (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values))
    return read_dialogues(folder, (), rules(1.0, "keep"), seed=1)


def read(folder: Path, *values: object, name: str = "a.jsonl") -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    found = reading(folder, *values, name=name)
    return found.tables["instructions"], found.tables["preferences"], [row.as_dict() for row in found.bad]


def said(folder: Path, row: object) -> list[tuple[str, str]]:
    """The turns of the one instruction in a row."""
    [one] = reading(folder, row).tables["instructions"]
    return [(turn["role"], turn["content"]) for turn in one["messages"]]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASK, ANSWER]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"prompt": "Why?", "response": "So."},
        {"prompt": [ASK], "completion": "So."},
        {"instruction": "Why?", "input": "", "output": "So.\n"},
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
    found = read_dialogues(tmp_path, (), rules(1.0, "keep"), seed=1)
    assert len(found.tables["instructions"]) == 1
    assert [row.reason for row in found.bad] == ["not_an_object"]


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
        read_dialogues(tmp_path, (), rules(0.1, "keep"), seed=1)


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"context": "P.", "question": "Q?", "answer": "A."}, [("user", "P.\n\nQ?"), ("assistant", "A.")]),
        ({"instruction": "Q?", "passage": "P.", "input": "I.", "output": "A."}, [("user", "P.\n\nQ?\n\nI."), ("assistant", "A.")]),
        ({"messages": [ASK, ANSWER], "context": ["P.", "R."]}, [("user", "P.\n\nR.\n\nWhy?"), ("assistant", "So.")]),
        ({"context": "Why?", "question": "Why?", "answer": "A."}, [("user", "Why?"), ("assistant", "A.")]),
        ({"context": "", "system": None, "history": [], "question": "Q?", "answer": "A."}, [("user", "Q?"), ("assistant", "A.")]),
        ({"system": "S.", "prompt": "Q?", "response": "A."}, [("system", "S."), ("user", "Q?"), ("assistant", "A.")]),
        ({"system_prompt": "S.", "messages": [ASK, ANSWER]}, [("system", "S."), ("user", "Why?"), ("assistant", "So.")]),
        (
            {"system": "S.", "messages": [{"role": "developer", "content": "S."}, ASK, ANSWER]},
            [("system", "S."), ("user", "Why?"), ("assistant", "So.")],
        ),
        ({"messages": [{"role": "system", "content": ""}, ASK, ANSWER]}, [("user", "Why?"), ("assistant", "So.")]),
        (
            {"history": [["One?", "Two."]], "instruction": "Q?", "output": "A."},
            [("user", "One?"), ("assistant", "Two."), ("user", "Q?"), ("assistant", "A.")],
        ),
        (
            {"history": [ASK, ANSWER], "system": "S.", "prompt": "Q?", "response": "A."},
            [("system", "S."), ("user", "Why?"), ("assistant", "So."), ("user", "Q?"), ("assistant", "A.")],
        ),
        ({"prompt": [ASK], "completion": [ANSWER]}, [("user", "Why?"), ("assistant", "So.")]),
        ({"messages": [{"role": "prompter", "text": "Q?"}, {"role": "ai", "text": "A."}]}, [("user", "Q?"), ("assistant", "A.")]),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two?"}]}, ANSWER]},
            [("user", "One\ntwo?"), ("assistant", "So.")],
        ),
    ],
)
def test_columns_and_parts_that_belong_to_a_dialogue_are_in_it(tmp_path: Path, row: dict[str, Any], turns: list[tuple[str, str]]) -> None:
    assert said(tmp_path, row) == turns


def test_system_history_and_context_belong_to_a_preference_too(tmp_path: Path) -> None:
    row = {"system": "S.", "history": [["One?", "Two."]], "context": "P.", "question": "Q?", "chosen": "So.", "rejected": "No."}
    [one] = reading(tmp_path, row).tables["preferences"]
    assert [turn["content"] for turn in one["prompt"]] == ["S.", "One?", "Two.", "P.\n\nQ?"]


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        ({"prompt": "Why?", "completion": "So.", "label": True}, [True]),
        ({"prompt": "Why?", "completion": "No.", "label": False}, [False]),
        ({"prompt": [ASK], "completion": [ANSWER], "label": False}, [False]),
        ({"messages": [ASK, ANSWER], "label": 0}, [False]),
        ({"messages": [ASK, ANSWER], "label": "desirable"}, [True]),
    ],
)
def test_a_labelled_answer_is_never_an_instruction(tmp_path: Path, row: dict[str, Any], labels: list[bool]) -> None:
    found = reading(tmp_path, row)
    assert not found.tables["instructions"]
    assert [one["label"] for one in found.as_rows()["labels"]] == labels
    assert found.tables["labels"][0].keys() == {"id", "part", "prompt", "completion", "label"}
    assert found.tables["labels"][0]["prompt"] == [ASK]


def test_there_is_no_table_of_labels_without_labels(tmp_path: Path) -> None:
    assert reading(tmp_path, {"messages": [ASK, ANSWER]}).as_rows().keys() == {"instructions", "preferences", "quarantine"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Why?", "response": "So.", "label": "science"}, "label_is_not_true_or_false"),
        ({"prompt": "Why?", "response": "So.", "label": None}, "label_is_not_true_or_false"),
        ({"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}]}, "tool_turns"),
        ({"messages": [ASK, {"role": "tool", "content": "4"}, ANSWER]}, "tool_turns"),
        ({"messages": [ASK, {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}]}, "tool_turns"),
        ({"prompt": "Why?", "response": "So.", "tool_calls": [1]}, "tool_turns"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, ANSWER]}, "part_is_no_text"),
        ({"system": "S.", "messages": [{"role": "system", "content": "T."}, ASK, ANSWER]}, "two_system_prompts"),
        ({"history": "Earlier.", "prompt": "Why?", "response": "So."}, "wrong_type"),
        ({"context": {"a": 1}, "prompt": "Why?", "response": "So."}, "wrong_type"),
    ],
)
def test_what_a_row_means_but_can_not_be_said_keeps_it_out(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    assert [one["reason"] for one in read(tmp_path, {"prompt": "Good?", "response": "Good."}, row)[2]] == [reason]


def test_a_last_question_is_cut_and_turns_in_a_row_are_joined_and_both_are_counted(tmp_path: Path) -> None:
    more = {"role": "user", "content": "More?"}
    found = reading(tmp_path, {"messages": [ASK, more, ANSWER, ANSWER, more]})
    [one] = found.tables["instructions"]
    assert [turn["content"] for turn in one["messages"]] == ["Why?\n\nMore?", "So.\n\nSo."]
    assert found.counts()["turns"] == {"last_user_turn_cut": 1, "turns_in_a_row_joined": 2}


def test_reasoning_is_left_out_and_counted(tmp_path: Path) -> None:
    thought = {"role": "assistant", "content": "So.", "reasoning_content": "Hm."}
    parts = {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "So."}]}
    row = {"prompt": "Why?", "response": "So.", "reasoning": "Hm."}
    found = reading(tmp_path, {"messages": [ASK, thought]}, {"messages": [ASK, parts]}, row)
    assert [one["messages"] for one in found.tables["instructions"]] == [[ASK, ANSWER]] * 3
    assert found.counts()["turns"] == {"reasoning_left_out": 3}


def test_a_column_that_no_rule_knows_is_named_once_a_file_with_its_rows(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}?", "response": "So.", "id": n, "source": "here", "rating": n, "empty": ""} for n in range(3)]
    found = reading(tmp_path, *rows, {"messages": [{**ASK, "weight": 0}, ANSWER]})
    assert found.counts()["unknown_columns"] == {"a.jsonl": {"messages[].weight": 1, "rating": 3}}
    assert found.told() == ["a.jsonl: no rule knows messages[].weight (1 rows), rating (3 rows); what they say is not used"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    total = a\n    return a", "    total = a\n    return a"),
        ("\n  \n\tx = 1\n", "\tx = 1"),
        ("a  \nb\r\nc \n\n", "a  \nb\nc"),
        (" So.", " So."),
    ],
)
def test_an_answer_is_what_stands_in_the_file_but_for_the_trim_of_line_ends(tmp_path: Path, text: str, kept: str) -> None:
    assert said(tmp_path, {"prompt": text, "response": text}) == [("user", kept), ("assistant", kept)]
    marked = f"\n\nHuman: Why?\n\nAssistant: {text}"
    [pair] = reading(tmp_path, {"chosen": marked, "rejected": "\n\nHuman: Why?\n\nAssistant: Else."}).tables["preferences"]
    assert pair["chosen"] == kept


def test_the_beginnings_of_one_conversation_are_in_one_part(tmp_path: Path) -> None:
    def turns(talk: int, count: int) -> list[dict[str, str]]:
        return [{"role": ("user", "assistant")[turn % 2], "content": f"turn {turn} of talk {talk}"} for turn in range(count)]

    found = reading(tmp_path, *({"messages": turns(talk, count)} for talk in range(30) for count in (2, 4, 6)))
    rows = found.tables["instructions"]
    parts = [{row["part"] for row in rows if row["messages"][0]["content"] == f"turn 0 of talk {talk}"} for talk in range(30)]
    assert all(len(part) == 1 for part in parts)
    assert sum(part == {"val"} for part in parts) in range(1, 8)
    assert prompt_overlap(found.as_rows(), ngram=13)["instructions"] == 0
    assert not found.shared


def test_a_training_row_that_asks_later_what_is_held_out_is_dropped_and_counted(tmp_path: Path) -> None:
    asked = [f"What is the name of number {number}?" for number in range(60)]
    alone = [{"prompt": question, "response": "So."} for question in asked]
    later = [
        {"messages": [{"role": "user", "content": f"Hello {question}"}, ANSWER, {"role": "user", "content": question}, ANSWER]}
        for question in asked
    ]
    found = reading(tmp_path, *alone, *later)
    rows = found.tables["instructions"]
    held = {turn for row in rows if row["part"] == "val" for turn in user_turns(row)}
    assert held
    assert not any(held & set(user_turns(row)) for row in rows if row["part"] == "train")
    assert found.shared == {"instructions": 120 - len(rows)}
    assert f"{found.shared['instructions']} instructions share a prompt with a held-out row, and were dropped from train" in found.told()


def test_a_question_that_most_rows_begin_with_is_trained_on(tmp_path: Path) -> None:
    rows = [{"messages": [ASK, ANSWER, {"role": "user", "content": f"{n}?"}, ANSWER]} for n in range(90)]
    found = reading(tmp_path, *rows, *({"prompt": f"Other {n}?", "response": "So."} for n in range(10)))
    assert {row["part"] for row in found.tables["instructions"] if row["messages"][0] == ASK} == {"train"}
    assert any(row["part"] == "val" for row in found.tables["instructions"])


def test_a_folder_of_which_no_row_is_usable_tells_the_leading_reasons_and_the_first_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 3 rows .* 2 no_answer, 1 null_text; the first is a\.jsonl:1, null_text"):
        reading(tmp_path, {"prompt": None, "response": "So."}, {"messages": [ASK]}, {"messages": [ASK]})


ROWS = [{"question": f"Question {number}?", "context": f"Passage\n{number}, with a comma.", "answer": "So."} for number in range(4)]


def written_as(suffix: str, folder: Path, rows: list[dict[str, Any]]) -> None:
    """A table in a format; compressed where the suffix says so."""
    path = folder / f"a{suffix}"
    if ".parquet" in suffix:
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if ".tsv" in suffix else ",")
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(text.getvalue(), newline="")
    if suffix.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".csv.gz", ".parquet.gz"])
def test_tables_are_read_like_lines(tmp_path: Path, suffix: str) -> None:
    written_as(suffix, tmp_path, ROWS)
    found = read_dialogues(tmp_path, (), rules(0.0, "keep"), seed=1)
    said = [row["messages"][0]["content"] for row in found.tables["instructions"]]
    assert said == [f"Passage\n{number}, with a comma.\n\nQuestion {number}?" for number in range(4)]


def test_messages_stand_in_a_parquet_list_and_in_a_csv_cell(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"messages": [ASK, ANSWER]}]), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text('"messages"\n"' + json.dumps([ASK, ANSWER]).replace('"', '""') + '"\n')
    found = read_dialogues(tmp_path, (), rules(0.0, "keep"), seed=1)
    assert [row["messages"] for row in found.tables["instructions"]] == [[ASK, ANSWER]] * 2


def test_bad_rows_of_tables_stand_in_the_quarantine_with_their_line_or_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('prompt;response\n"Why\nnot?";So.\nWhy?;So.;No.\nWhy?;\n"x"y;So.\nLast?;So.\n')
    pq.write_table(pa.table({"prompt": ["Why?", None], "response": ["So.", "So."]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no table")
    found = read_dialogues(tmp_path, (), rules(1.0, "keep"), seed=1)
    assert [(row.file, row.line, row.reason) for row in found.bad] == [
        ("a.csv", 4, "malformed_csv"),
        ("a.csv", 5, "empty_answer"),
        ("a.csv", 6, "malformed_csv"),
        ("b.parquet", 2, "null_text"),
        ("c.parquet", None, "damaged"),
    ]
    assert [row["messages"][0]["content"] for row in found.tables["instructions"]] == ["Why\nnot?", "Last?", "Why?"]


def test_a_pinned_data_set_of_the_hub_is_read_and_one_that_may_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def load(name: str, subset: str | None, **how: object) -> list[dict[str, object]]:
        asked.update(how, name=name, subset=subset)
        return [{"prompt": "Why?", "chosen": "So.", "rejected": "No."}, {"prompt": 1, "chosen": "So.", "rejected": "No."}]

    monkeypatch.setattr("datasets.load_dataset", load)
    data = HubData(path="hub:owner/name", revision="a" * 40, split="train", subset=None)
    found = read_dialogues(tmp_path, (data,), rules(1.0, "keep"), seed=1)
    assert [one["chosen"] for one in found.tables["preferences"]] == ["So."]
    assert [(row.file, row.line, row.reason) for row in found.bad] == [("hub:owner/name/train", 2, "wrong_type")]
    assert (asked["name"], asked["revision"], asked["streaming"]) == ("owner/name", "a" * 40, True)
    with pytest.raises(InputError, match="is not pinned"):
        read_dialogues(tmp_path, (replace(data, revision="main"),), rules(1.0, "keep"), seed=1)


def test_a_data_set_of_the_hub_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    place, own = tmp_path / "owner" / "name", tmp_path / "own"
    place.mkdir(parents=True)
    own.mkdir()
    pq.write_table(pa.Table.from_pylist([{"messages": [ASK, ANSWER]}]), place / "train.parquet")
    (own / "a.jsonl").write_text(json.dumps({"prompt": "How?", "response": "So."}))
    found = read_dialogues(own, (HubData(path=f"hub:{place}", revision="a" * 40, split="train", subset=None),), rules(0.0, "keep"), seed=1)
    assert [row["messages"][0]["content"] for row in found.tables["instructions"]] == ["How?", "Why?"]


def test_text_among_dialogues_is_passed_over_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": "Why?", "response": "So."}))
    (tmp_path / "book.jsonl").write_text(json.dumps({"text": "A text."}))
    (tmp_path / "pages.csv").write_text("text,url\nA page.,https://host\n")
    (tmp_path / "book.txt").write_text("Another.")
    (tmp_path / "dataset_infos.json").write_text("{}")
    told: list[str] = []
    found = read_dialogues(tmp_path, (), rules(0.0), seed=1, tell=told.append)
    assert [len(rows) for rows in found.tables.values()] == [1, 0, 0]
    assert told == ["passed over, since they hold no dialogues: book.jsonl, pages.csv"]


def test_a_folder_of_text_is_an_error_only_where_dialogues_are_required(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("A text.")
    for name in ("none", "rows"):
        with pytest.raises(InputError, match=r"no readable file|has no dialogues"):
            read_dialogues(tmp_path, (), rules(), seed=1)
        told: list[str] = []
        found = read_dialogues(tmp_path, (), rules(required=False), seed=1, tell=told.append)
        assert not found.good
        assert "has no dialogues" in told[-1], name
        (tmp_path / "book.jsonl").write_text(json.dumps({"text": "A text."}))


def test_dialogues_of_which_none_is_usable_are_an_error_though_none_is_required(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": "Why?", "response": None}))
    with pytest.raises(InputError, match="none of the 1 rows"):
        read_dialogues(tmp_path, (), rules(required=False), seed=1)


def test_instructions_in_one_folder_and_preferences_in_another_are_read_together(tmp_path: Path) -> None:
    pair = {"prompt": "Who?", "chosen": "So.", "rejected": "No."}
    files = {"instructions/a.jsonl": {"messages": [ASK, ANSWER]}, "preferences/b.jsonl": pair}
    for name, row in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(json.dumps(row))
    found = read_dialogues(tmp_path, (), rules(0.0), seed=1)
    assert {name: len(table) for name, table in found.tables.items()} == {"instructions": 1, "preferences": 1, "labels": 0}
    one, two = tmp_path / "instructions", tmp_path / "preferences"
    apart = read_dialogues(one, (), rules(0.0), also=two, seed=1)
    assert {name: len(table) for name, table in apart.tables.items()} == {"instructions": 1, "preferences": 1, "labels": 0}
    assert read_dialogues(tmp_path, (), rules(0.0), also=two, seed=1).counts() == found.counts(), "what lies in both is read once"
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/book.txt").write_text("A text.")
    assert len(read_dialogues(tmp_path / "texts", (), rules(0.0), also=two, seed=1).tables["preferences"]) == 1
    (two / "b.jsonl").write_text(json.dumps({**pair, "chosen": ""}))
    assert [row.file for row in read_dialogues(one, (), rules(1.0), also=two, seed=1).bad] == [f"{two}/b.jsonl"]
