"""Published benchmarks: a row of each shape, and what is asked of it, written out."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


QUESTION = {"question": "2 + 2?", "choices": ["3", "4", "5", "6"], "subject": "sums"}
SCENE = {"activity_label": "x", "ctx_a": "a", "ctx_b": "b", "endings": ["c", "d"]}
GOAL = {"goal": "Open it.", "sol1": "Push.", "sol2": "Pull."}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        *(("mmlu", QUESTION | {"answer": answer}) for answer in ("", "BC", "E", "b", -1, 4)),
        *(("hellaswag", SCENE | {"label": label}) for label in (-1, "-1", 2, "1.5", 1.5)),
        *(("piqa", GOAL | {"label": label}) for label in (2, -2, "", 0.5)),
        ("arc", HUB_ARC | {"answerKey": ""}),
    ],
)
def test_a_label_that_names_no_choice_is_refused_and_makes_none_right(name: str, row: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        CHOICES[name].read(row)


@pytest.mark.parametrize("answer", ["It is 4.", "It is 4.\n####", "#### four", "4\n#### 4 apples"])
def test_gsm8k_wants_the_mark_and_a_number_behind_it(answer: str) -> None:
    with pytest.raises(ValueError, match="does not end in #### NUMBER"):
        ANSWERS["gsm8k"].read({"question": "2 + 2?", "answer": answer})


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


def test_triviaqa_is_read_from_its_published_file(tmp_path: Path) -> None:
    answer = {"Aliases": ["Fab Four"], "NormalizedAliases": ["fab four"], "Type": "WikipediaEntity", "Value": "The Beatles"}
    pages = [{"Filename": "The_Beatles.txt", "Title": "The Beatles"}]
    row = {"Answer": answer, "EntityPages": pages, "Question": "Who?", "QuestionId": "tc_0", "SearchResults": []}
    whole = {"Data": [row], "Domain": "unfiltered-web", "Split": "dev", "VerifiedEval": False, "Version": 1.0}
    (tmp_path / "unfiltered-web-dev.json").write_text(json.dumps(whole))
    ((place, found),) = problems(tmp_path, "*.json", ANSWERS["triviaqa"].read, (), key="tasks.x.files")
    assert (place, found.context, found.accepted) == (
        "unfiltered-web-dev.json:1",
        "Question: Who?\nAnswer:",
        {"beatles", "fab four"},
    )


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


def places(folder: Path, files: str, name: str = "lambada") -> list[str]:
    return [place for place, _ in problems(folder, files, CHOICES[name].read, CHOICES[name].columns, key="tasks.x.files")]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.json", b'{"text": "one two"}\n{"text": "three four"}\n', ["a.json:1", "a.json:2"]),
        ("a.json", b'\xef\xbb\xbf{"Data": [{"text": "one two"}]}', ["a.json:1"]),
        ("a.json", b'[{"text": "one two"}]', ["a.json:1"]),
        ("a.json.gz", gzip.compress(b'{"Data": [{"text": "one two"}], "None": []}', mtime=0), ["a.json.gz:1"]),
        ("a.jsonl", b'\xef\xbb\xbf{"text": "one two"}', ["a.jsonl:1"]),
    ],
)
def test_json_is_read_in_all_its_forms(name: str, content: bytes, found: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert places(tmp_path, name) == found


@pytest.mark.parametrize("content", [b'{"Data": [1, 2]}', b'{"Data": [{"text": "one two"}, 1]}', b"[1]", b"{cut"])
def test_rows_that_are_no_objects_are_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"tasks\.x\.files: a\.json"):
        places(tmp_path, "a.json")


@pytest.mark.parametrize("packed", [False, True])
def test_a_csv_may_have_a_mark_blank_lines_and_another_encoding(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("sums_test.csv.gz" if packed else "sums_test.csv")
    for content in (b"\xef\xbb\xbf2?,1,2,3,4,B\r\n\r\n", b"caf\xe9?,1,2,3,4,B\n\n"):
        path.write_bytes(gzip.compress(content) if packed else content)
        ((_, one),) = problems(tmp_path, "*", CHOICES["mmlu"].read, CHOICES["mmlu"].columns, key="tasks.x.files")
        assert one.context.split("\n")[0] in ("2?", "café?")
        assert one.group == "sums"


@pytest.mark.parametrize("content", [b"2?,1,2,3,4\n", b"2?,1,2,3,4,B,C\n", b'"2?,1,2,3,4,B\n', bytes(range(256))])
def test_a_csv_of_another_shape_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "sums_test.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"tasks\.x\.files: sums_test\.csv"):
        places(tmp_path, "*.csv", "mmlu")


def test_piqas_labels_lie_in_a_file_beside_its_rows(tmp_path: Path) -> None:
    (tmp_path / "valid.jsonl").write_text("\n".join(map(json.dumps, [GOAL, GOAL])))
    (tmp_path / "valid-labels.lst").write_text("1\n0\n")
    found = problems(tmp_path, "valid.jsonl", CHOICES["piqa"].read, (), key="tasks.x.files")
    assert [one.choices[0] for _, one in found] == [" Pull.", " Push."]
    (tmp_path / "valid-labels.lst").write_text("1\n")
    with pytest.raises(InputError, match="has 1 labels for 2 rows"):
        places(tmp_path, "valid.jsonl", "piqa")


@pytest.mark.parametrize("files", ["", "/somewhere/*.jsonl", "../*.jsonl", "a**"])
def test_a_pattern_that_is_none_below_the_folder_is_refused(files: str, tmp_path: Path) -> None:
    fault = missing(tmp_path, files, key="tasks.x.files")
    assert fault is not None
    assert f"tasks.x.files={files!r} is no pattern of files below" in fault.message
    assert fault.mend.startswith("tasks.x.files=FOLDER/*.jsonl")


def test_a_data_set_that_can_not_be_read_is_named_by_the_key_of_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object, **named: object) -> object:
        raise OSError("away")

    monkeypatch.setattr("datasets.load_dataset", away)
    with pytest.raises(InputError, match=r"^tasks\.x\.files: hub:a/b can't be loaded"):
        places(Path(), f"hub:a/b@{'0' * 40}::test")


def test_what_is_not_there_or_has_another_shape_is_named(tmp_path: Path) -> None:
    fault = missing(tmp_path, "x/*.jsonl", key="tasks.blimp.files")
    assert fault is not None
    assert "tasks.blimp.files: there is no" in fault.message
    assert "split.benchmarks=DIR" in fault.mend, "which also decontaminates; the plan refuses evaluate.benchmarks=DIR"
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
