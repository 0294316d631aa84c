"""Reading a folder: every document or row is read, or stands in the quarantine with its reason."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import InputError
from pipeline.text import rows
from pipeline.text.read import read_folder


def texts(folder: Path, *, max_bad_fraction: float = 1.0) -> list[str]:
    found: list[str] = read_folder(folder, max_bad_fraction=max_bad_fraction)[0]["text"].to_pylist()
    return found


def reasons(folder: Path) -> list[str]:
    return [row["reason"] for row in read_folder(folder, max_bad_fraction=1.0)[1]]


def write_rows(path: Path, *lines: object) -> None:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))


def test_files_are_read_in_the_order_of_their_names_from_all_folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.md").write_text("second")
    (tmp_path / "a.txt").write_text("first")
    with gzip.open(tmp_path / "c.txt.gz", "wb") as file:
        file.write(b"third")
    write_rows(tmp_path / "d.jsonl", {"text": "fourth"}, {"text": "fifth", "more": 1})
    (tmp_path / ".hidden.txt").write_text("not read")
    table, bad = read_folder(tmp_path, max_bad_fraction=0.0)
    assert table.schema == DOCUMENTS
    assert table["text"].to_pylist() == ["first", "second", "third", "fourth", "fifth"]
    assert table["source"].to_pylist() == ["a.txt", "b/two.md", "c.txt.gz", "d.jsonl:1", "d.jsonl:2"]
    assert bad == []


def test_adding_a_file_changes_no_other_document(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("stays")
    before = read_folder(tmp_path, max_bad_fraction=0.0)[0].to_pylist()
    (tmp_path / "a.txt").write_text("comes")
    assert read_folder(tmp_path, max_bad_fraction=0.0)[0].to_pylist()[1:] == before


@pytest.mark.parametrize(
    "raw",
    [
        "naïve “café”".encode(),
        b"\xef\xbb\xbf" + "naïve “café”".encode(),
        b"\xff\xfe" + "naïve “café”".encode("utf-16-le"),
        b"\xfe\xff" + "naïve “café”".encode("utf-16-be"),
        "naïve “café”".encode("cp1252"),
    ],
)
def test_every_usual_encoding_gives_the_same_text(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(raw)
    assert texts(tmp_path) == ["naïve “café”"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x7fELF\0\0\1", "binary"),
        (bytes(range(1, 32)) * 9, "binary"),
        (b"", "empty_text"),
        (b" \n \r\n", "empty_text"),
        (b"\xff\xfea", "undecodable"),
    ],
)
def test_a_file_that_is_no_text_goes_to_the_quarantine(tmp_path: Path, raw: bytes, reason: str) -> None:
    (tmp_path / "good.txt").write_text("good")
    (tmp_path / "odd.txt").write_bytes(raw)
    table, bad = read_folder(tmp_path, max_bad_fraction=0.5)
    assert table["text"].to_pylist() == ["good"]
    assert bad == [{"file": "odd.txt", "line": None, "offset": 0, "reason": reason, "sha256": hashlib.sha256(raw).hexdigest()}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "caf\xe9"}', "invalid_utf8"),
        (b'{"text": "cut', "malformed_json"),
        (b'{"text": NaN, "more": "\\ud800"}', "malformed_json"),
        (b'["text"]', "not_an_object"),
        (b'{"other": "x"}', "missing_column"),
        (b'{"text": null}', "null_text"),
        (b'{"text": 42}', "wrong_type"),
        (b'{"text": " "}', "empty_text"),
    ],
)
def test_a_bad_row_goes_to_the_quarantine_with_its_place(tmp_path: Path, line: bytes, reason: str) -> None:
    first = b'{"text": "good"}\n'
    (tmp_path / "a.jsonl").write_bytes(first + b"\n" + line + b'\n{"text": "good too"}\n')
    table, bad = read_folder(tmp_path, max_bad_fraction=0.5)
    assert table["text"].to_pylist() == ["good", "good too"]
    assert bad == [{"file": "a.jsonl", "line": 3, "offset": len(first) + 1, "reason": reason, "sha256": hashlib.sha256(line).hexdigest()}]


def test_a_byte_order_mark_a_lone_surrogate_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "first"}\r\n  \n{"text": "lone \\ud800 half"}')
    assert texts(tmp_path) == ["first", "lone � half"]
    assert reasons(tmp_path) == []


def test_a_line_that_is_too_long_is_passed_over_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE", 64)
    write_rows(tmp_path / "a.jsonl", {"text": "before"}, {"text": "x" * 1000}, {"text": "after"})
    assert texts(tmp_path) == ["before", "after"]
    assert reasons(tmp_path) == ["line_too_long"]


def test_a_damaged_gzip_file_goes_to_the_quarantine(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("good")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"text " * 1000)[:-20])
    (tmp_path / "c.jsonl.gz").write_bytes(b"no gzip at all")
    assert reasons(tmp_path) == ["damaged_gzip", "damaged_gzip"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ({}, "is empty"),
        ({"a.pdf": "%PDF"}, "no file that can be read; it has .pdf"),
        ({"a.jsonl": '{"content": "x", "url": "y"}\n'}, "its columns are content, url"),
        ({"a.txt": "fine", "b.jsonl": '{"content": "' + "x" * 500 + '"}\n'}, "b.jsonl has no column 'text'"),
        ({"a.txt": "fine", "b.jsonl": '{"text": null}\n{"text": null}\n{"text": 1}\n'}, "b.jsonl leads with 2 null_text, 1 wrong_type"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_mend(tmp_path: Path, content: dict[str, str] | None, message: str) -> None:
    folder = tmp_path / "input"
    for name, text in (content or {}).items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    if content == {}:
        folder.mkdir()
    with pytest.raises(InputError, match=message) as fault:
        read_folder(folder, max_bad_fraction=0.1)
    assert fault.value.mend


def test_a_small_index_beside_the_texts_is_set_aside_and_does_not_fail_the_folder(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("A long book. " * 1000)
    write_rows(tmp_path / "index.jsonl", {"title": "A long book"})
    assert len(texts(tmp_path, max_bad_fraction=0.01)) == 1
    assert reasons(tmp_path) == ["missing_column"]
