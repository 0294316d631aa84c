"""What tests ask: benchmark files and the dialogues' own test questions."""

import gzip
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.text.splitting.benchmarks import eval_items, read_benchmarks
from pipeline.text.splitting.held_out_index import OverlapConfig
from pipeline.text.splitting.prompts import DialogueRows, drop_contaminated, prompt_overlap
from tests.text.split_corpus import corpus, document

ROWS = [
    {"question": "Q1", "choices": {"text": ["a", "b"], "label": [1, 2]}, "id": "x"},
    {"question": "Q2\nand more", "choices": {"text": ["a", "c"]}, "id": "x"},
]
LINES = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in ROWS)


def folder(path: Path, **files: bytes) -> Path:
    for name, content in files.items():
        target = path / name.replace("__", "/").replace("_", ".")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def test_every_string_of_a_row_is_an_item_and_each_stands_once(tmp_path) -> None:
    assert read_benchmarks(folder(tmp_path, arc_jsonl=LINES), {}) == {"arc": ["Q1", "a", "b", "x", "Q2\nand more", "c"]}


@pytest.mark.parametrize("key", ["set/arc", "set"])
def test_fields_that_are_named_are_the_only_items(key: str, tmp_path) -> None:
    files = folder(tmp_path, set__arc_jsonl=LINES, other_txt=b"one")
    assert read_benchmarks(files, {key: ["question"]}) == {"other": ["one"], "set/arc": ["Q1", "Q2\nand more"]}


def test_json_text_and_packed_files_are_read_the_same(tmp_path) -> None:
    array, text = orjson.dumps(ROWS), b"\xef\xbb\xbfA first\r\nitem.\r\n\r\nA second.\n"
    found = read_benchmarks(folder(tmp_path, a_json=array, b_jsonl_gz=gzip.compress(LINES, mtime=0), c_txt=text, d_txt=b"one\ntwo\n"), {})
    assert found["a"] == found["b"] == ["Q1", "a", "b", "x", "Q2\nand more", "c"]
    assert (found["c"], found["d"]) == (["A first\nitem.", "A second."], ["one", "two"])


def test_json_with_an_object_a_line_and_labels_beside_a_file_are_read_too(tmp_path) -> None:
    found = read_benchmarks(folder(tmp_path, a_json=LINES, valid_jsonl=LINES, **{"valid-labels_lst": b"1\n0\n"}), {})
    assert found == {"a": found["valid"], "valid": ["Q1", "a", "b", "x", "Q2\nand more", "c"], "valid-labels": ["1", "0"]}


def test_an_empty_folder_has_no_benchmarks_and_what_can_not_be_read_is_refused(tmp_path) -> None:
    assert read_benchmarks(tmp_path, {}) == {}
    (tmp_path / "README.md").write_text("About.")
    with pytest.raises(InputError, match=r"README\.md can't be read as a benchmark"):
        read_benchmarks(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("arc_jsonl", LINES + b'{"question": "cut', r"arc\.jsonl:3 is not JSON"),
        ("arc_json", b"[1, 2", r"arc\.json:1 is not JSON"),
        ("arc_txt", b"caf\xe9", r"arc\.txt can't be read"),
        ("arc_jsonl_gz", gzip.compress(LINES, mtime=0)[:30], r"arc\.jsonl\.gz can't be read"),
    ],
)
def test_a_file_that_can_not_be_read_whole_is_an_error(name: str, content: bytes, told: str, tmp_path) -> None:
    with pytest.raises(InputError, match=told):
        read_benchmarks(folder(tmp_path, **{name: content}), {})


def test_a_folder_field_or_benchmark_that_is_not_there_is_an_error(tmp_path) -> None:
    files = folder(tmp_path, arc_jsonl=LINES)
    with pytest.raises(InputError, match="does not exist"):
        read_benchmarks(tmp_path / "none", {})
    with pytest.raises(InputError, match=r"none of query: it has question, choices, id"):
        read_benchmarks(files, {"arc": ["query"]})
    with pytest.raises(InputError, match="names blimp"):
        read_benchmarks(files, {"blimp": ["question"]})


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def instruction(part: str, *asked: str) -> dict:
    turns = [one for question in asked for one in (turn("user", question), turn("assistant", "An answer."))]
    return {"part": part, "messages": [turn("system", "Be kind, always."), *turns]}


def preference(part: str, asked: str) -> dict:
    return {"part": part, "prompt": [turn("user", asked)], "chosen": "Good.", "rejected": "Bad."}


def question(trained: bool, asked: str) -> dict:
    return {"trained": trained, "prompt": [turn("user", asked)], "cloze": "Ada lives in", "choices": ["Oakham"]}


def test_what_the_users_of_tests_say_is_held_out_and_nothing_else(tmp_path) -> None:
    rows = {
        "instructions": [instruction("train", "1?"), instruction("val", "2?", "3?")],
        "preferences": [preference("train", "4?"), preference("test", "5?"), preference("test", "2?")],
        "questions": [question(True, "6?"), question(False, "7?")],
    }
    with (dialogues := Dialogues(tmp_path / "dialogues")).writing() as draft:
        for name, content in rows.items():
            write_jsonl(draft.path / f"{name}.jsonl", content)
    plain = corpus(tmp_path / "corpus", [])
    assert eval_items(dialogues, plain, folder(tmp_path / "tests", arc_txt=b"8?"), {}) == {
        "dialogues": ["2?", "3?", "5?", "7?"],
        "arc": ["8?"],
    }


def test_what_the_corpus_itself_asks_is_held_out_too_and_no_file_may_have_its_name(tmp_path) -> None:
    own = Corpus(tmp_path / "corpus")
    own.write(pa.Table.from_pylist([document("a")]), sides={}, texts={"world.json": '{"benchmarks": {"riddles": ["Why?"]}}'})
    with (dialogues := Dialogues(tmp_path / "dialogues")).writing():
        pass
    assert eval_items(dialogues, own, folder(tmp_path / "tests", arc_txt=b"8?"), {}) == {
        "dialogues": [],
        "riddles": ["Why?"],
        "arc": ["8?"],
    }
    for name in ("riddles", "dialogues", "val"):
        with pytest.raises(InputError, match=f"has a benchmark named {name}"):
            eval_items(dialogues, own, folder(tmp_path / name, **{f"{name}_txt": b"8?"}), {})


def test_trained_prompts_that_ask_what_a_test_asks_are_counted() -> None:
    long = "please tell me at once how many of the seven old horses are in town"
    rows = {
        "instructions": [instruction("train", "Hi.", "Where is Ada?"), instruction("train", "Other?"), instruction("val", "where is ADA")],
        "preferences": [preference("train", f"Well, {long}?"), preference("train", "Where is Ada?"), preference("test", f"{long} now")],
        "questions": [question(False, "Other!"), question(True, "Hi.")],
    }
    assert prompt_overlap(rows, ngram=13) == {"instructions": 1, "preferences": 1, "questions": 1}
    assert prompt_overlap(rows, ngram=17)["preferences"] == 0
    assert prompt_overlap({name: rows[name] for name in ("instructions", "preferences")}, ngram=13)["questions"] == 0


@pytest.mark.parametrize(
    ("trained", "test"),
    [
        ("Où est\n\nla CAFÉ d’Été?", "Ou\u0300 est la cafe\u0301 d'e\u0301te\u0301"),
        ("他住在哪里？", "他住在哪里"),
        ("Is it\n\n_good_?", "is it good"),
    ],
)
def test_prompts_are_compared_by_their_words_however_they_are_written(trained: str, test: str) -> None:
    rows = {"instructions": [instruction("train", "Hi.", trained), instruction("val", test)], "preferences": []}
    assert prompt_overlap(rows, ngram=13)["instructions"] == 1


def test_prompts_of_other_words_or_of_none_ask_nothing_that_a_test_asks() -> None:
    given = [("Is it good?", "good is it"), ("Is it?", "is it good"), ("?", "!"), ("", "")]
    for trained, test in given:
        rows = {"instructions": [instruction("train", trained), instruction("val", test)], "preferences": []}
        assert prompt_overlap(rows, ngram=13)["instructions"] == 0, trained


def test_a_trained_dialogue_that_holds_an_item_of_a_benchmark_is_dropped_and_a_test_is_not() -> None:
    item = "A farmer has seventeen sheep, and all but nine of them run away: how many are left?"
    asked = {"role": "user", "content": f"Here is a riddle. {item.upper()} Think."}
    rows: DialogueRows = {
        "instructions": [
            {"part": part, "messages": [turn_, {"role": "assistant", "content": "Nine."}]}
            for part, turn_ in (("train", asked), ("train", {"role": "user", "content": "How are you?"}), ("val", asked))
        ],
        "preferences": [{"part": "train", "prompt": [turn("user", "Say it.")], "chosen": item, "rejected": "No."}],
        "quarantine": [{"file": "a"}],
    }
    left, dropped = drop_contaminated(
        rows, {"riddles": [item], "others": ["Where does Ada live?"]}, OverlapConfig(ngram=13, short_ngram=8, min_words=4)
    )
    assert [len(left[name]) for name in ("instructions", "preferences", "quarantine")] == [2, 0, 1]
    assert [row["part"] for row in left["instructions"]] == ["train", "val"]
    assert dropped == {"riddles": 2, "others": 0}
