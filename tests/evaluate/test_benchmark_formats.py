"""Published benchmarks: a row of each shape, and what is asked of it, written out."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.evaluate.benchmarks.formats import ANSWERS, CHOICES
from pipeline.evaluate.benchmarks.problem import Problem
from pipeline.evaluate.benchmarks.rows import missing, problems

STEM = "Which is soft?"
HUB_ARC = {"id": "a", "question": STEM, "choices": {"text": ["stone", "wool", "iron"], "label": ["1", "2", "3"]}, "answerKey": "2"}
OWN_ARC = {
    "id": "a",
    "question": {
        "stem": STEM,
        "choices": [{"text": "stone", "label": "A"}, {"text": "wool", "label": "B"}, {"text": "iron", "label": "C"}],
    },
    "answerKey": "B",
}


def read(name: str, row: dict[str, object]) -> Problem:
    found = CHOICES[name].read(row)
    assert found is not None
    return found


def test_blimp_asks_for_the_good_sentence_by_its_paradigm() -> None:
    found = read("blimp", {"sentence_good": "She sleeps.", "sentence_bad": "She sleep.", "UID": "agreement"})
    assert (found.context, list(found.choices), found.group) == ("", ["She sleeps.", "She sleep."], "agreement")


def test_hellaswag_asks_for_the_ending_without_the_marks_of_the_pages() -> None:
    row = {
        "activity_label": "Baking",
        "ctx_a": "A man stirs.",
        "ctx_b": "he",
        "endings": ["runs [step] off.", "pours  [title] Oil"],
        "label": "1",
    }
    found = read("hellaswag", row)
    assert found.context == "Baking: A man stirs. He"
    assert list(found.choices) == [" pours . Oil", " runs off."]
    assert CHOICES["hellaswag"].read(row | {"label": ""}) is None, "the answer is kept secret"


@pytest.mark.parametrize(
    "row",
    [
        {"question": "2 + 2?", "choices": ["3", "4", "5", "6"], "answer": 1, "subject": "school_sums"},
        {"question": "2 + 2?", "A": "3", "B": "4", "C": "5", "D": "6", "answer": "B", "file": "school_sums_test"},
    ],
)
def test_mmlu_asks_for_a_letter_under_a_heading_of_its_subject(row: dict[str, object]) -> None:
    found = read("mmlu", row)
    assert found.heading == "The following are multiple choice questions (with answers) about school sums.\n\n"
    assert found.context == "2 + 2?\nA. 3\nB. 4\nC. 5\nD. 6\nAnswer:"
    assert (list(found.choices), found.group) == ([" B", " A", " C", " D"], "school_sums")
    assert found.example.endswith("Answer: B")


@pytest.mark.parametrize("row", [HUB_ARC, OWN_ARC])
def test_arc_asks_for_the_text_of_the_answer(row: dict[str, object]) -> None:
    found = read("arc", row)
    assert (found.context, list(found.choices), found.prior) == (f"Question: {STEM}\nAnswer:", [" wool", " stone", " iron"], "Answer:")


def test_piqa_asks_for_the_way_that_works() -> None:
    row = {"goal": "Open it.", "sol1": "Push.", "sol2": "Pull.", "label": 1}
    assert list(read("piqa", row).choices) == [" Pull.", " Push."]
    assert CHOICES["piqa"].read(row | {"label": -1}) is None


def test_lambada_asks_for_the_last_word() -> None:
    found = read("lambada", {"text": "he gave her the old red coat\n"})
    assert (found.context, list(found.choices)) == ("he gave her the old red", [" coat"])
    assert CHOICES["lambada"].read({"text": "alone"}) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" 3 + 4 = 7\n#### 7", "7"),
        (" so it is $1,250.50", "1250.5"),
        ("#### 12 and #### 13", "12"),
        (" 5 and then 6.", "6"),
        (" none", ""),
        ("#### -3", "-3"),
        (" it costs 40.00 dollars", "40"),
    ],
)
def test_gsm8k_finds_the_number_behind_the_mark_or_the_last_one(text: str, answer: str) -> None:
    assert ANSWERS["gsm8k"].found(text) == answer


def test_gsm8k_accepts_the_number_of_its_answer() -> None:
    found = ANSWERS["gsm8k"].read({"question": "How many?", "answer": "They are 1 + 1 = <<1+1=2>>2.\n#### 1,002"})
    assert found is not None
    assert (found.context, found.accepted) == ("Question: How many?\nAnswer:", {"1002"})


@pytest.mark.parametrize("capital", [False, True])
def test_triviaqa_accepts_all_names_of_the_answer(capital: bool) -> None:
    row = {"question": "Who?", "answer": {"value": "The Beatles", "aliases": ["Beatles, The", "Fab Four"]}}
    if capital:
        row = {"Question": "Who?", "Answer": {"Value": "The Beatles", "Aliases": ["Beatles, The", "Fab Four"]}}
    found = ANSWERS["triviaqa"].read(row)
    assert found is not None
    assert ANSWERS["triviaqa"].found(" the BEATLES!") in found.accepted
    assert found.accepted == {"beatles", "fab four"}
    assert ANSWERS["triviaqa"].read({"question": "Who?", "answer": None}) is None


def test_files_of_every_kind_are_rows_with_their_place(tmp_path: Path) -> None:
    rows = [{"text": "one two"}, {"text": "three"}, {"text": "four five"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.json").write_text(json.dumps({"Version": 1, "Data": rows[:1]}))
    pq.write_table(pa.Table.from_pylist(rows[:1]), tmp_path / "c.parquet")
    found = problems(tmp_path, "*", CHOICES["lambada"].read, (), key="tasks.x.files")
    assert [place for place, _ in found] == ["a.jsonl:1", "a.jsonl:3", "b.json:1", "c.parquet:1"]
    (tmp_path / "sums_test.csv").write_text('"2, or\n3?",3,4,5,6,B\n1?,1,2,3,4,A\n')
    found_csv = problems(tmp_path, "*.csv", CHOICES["mmlu"].read, CHOICES["mmlu"].columns, key="tasks.x.files")
    assert [(place, one.group, one.choices[0]) for place, one in found_csv] == [
        ("sums_test.csv:1", "sums", " B"),
        ("sums_test.csv:2", "sums", " A"),
    ]


def test_what_is_not_there_or_has_another_shape_is_named(tmp_path: Path) -> None:
    fault = missing(tmp_path, "x/*.jsonl", key="tasks.blimp.files")
    assert fault is not None
    assert "tasks.blimp.files: there is no" in fault.message
    (tmp_path / "a.jsonl").write_text('{"goal": "x"}')
    with pytest.raises(
        InputError, match=r"tasks\.y\.files: a\.jsonl:1 has not the shape of this benchmark: KeyError: 'label'; it has goal"
    ):
        problems(tmp_path, "a.jsonl", CHOICES["piqa"].read, (), key="tasks.y.files")
    (tmp_path / "a.jsonl").write_text("{cut")
    with pytest.raises(InputError, match=r"a\.jsonl, line 1"):
        problems(tmp_path, "a.jsonl", CHOICES["piqa"].read, (), key="tasks.y.files")


@pytest.mark.parametrize("files", ["hub:a/b", "hub:a/b@main:x:test", f"hub:a/b@{'0' * 39}:x:test"])
def test_a_data_set_that_is_not_pinned_is_refused(files: str) -> None:
    fault = missing(Path(), files, key="tasks.x.files")
    assert fault is not None
    assert "is not pinned" in fault.message
    assert missing(Path(), f"hub:a/b@{'0' * 40}::test", key="tasks.x.files") is None
