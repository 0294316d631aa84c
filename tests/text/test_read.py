"""Bad input: every document or row is read, or stands in the quarantine with its place and reason; nothing is silent."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import InputError
from tests.text.reading_tools import read, read_limits, source, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def test_files_are_read_in_the_order_of_their_names_from_all_folders(folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b" / "two.md").write_text("second")
    (folder / "a.txt").write_text("first")
    (folder / "c.txt.gz").write_bytes(gzip.compress(b"third"))
    write_rows(folder / "d.jsonl", {"text": "fourth"}, {"text": "fifth", "more": 1})
    (folder / ".hidden.txt").write_text("not read")
    (folder / "picture.png").write_bytes(b"not read, but counted")
    found = read(folder, limits=read_limits(max_bad_fraction=0.0))
    assert found.documents.schema == DOCUMENTS
    assert found.texts == ["first", "second", "third", "fourth", "fifth"]
    assert found.origins == ["a.txt", "b/two.md", "c.txt.gz", "d.jsonl:1", "d.jsonl:2"]
    assert set(found.documents["source"].to_pylist()) == {"input"}
    assert found.bad == []
    assert found.metrics["files"] == {"jsonl": 1, "md": 1, "txt": 2}
    assert found.metrics["ignored_files"] == {".png": 1}


def test_adding_a_file_changes_no_other_document(folder: Path, tmp_path: Path) -> None:
    (folder / "b.txt").write_text("stays")
    before = read(folder).documents.to_pylist()
    (folder / "a.txt").write_text("comes")
    assert read(folder).documents.to_pylist()[1:] == before


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("naïve “café”".encode(), "utf-8"),
        (b"\xef\xbb\xbf" + "naïve “café”".encode(), "utf-8"),
        (b"\xff\xfe" + "naïve “café”".encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + "naïve “café”".encode("utf-16-be"), "utf-16-be"),
        ("naïve “café”".encode("cp1252"), "cp1252"),
    ],
)
def test_every_usual_encoding_gives_the_same_text_and_is_counted(folder: Path, raw: bytes, encoding: str) -> None:
    (folder / "a.txt").write_bytes(raw)
    found = read(folder)
    assert found.texts == ["naïve “café”"]
    assert found.metrics["encodings"] == {encoding: 1}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"\x7fELF\0\0\1", "binary"), (bytes(range(1, 32)) * 9, "binary"), (b"", "empty_text"), (b" \n \r\n", "empty_text")],
)
def test_a_file_that_is_no_text_goes_to_the_quarantine(folder: Path, raw: bytes, reason: str) -> None:
    (folder / "good.txt").write_text("good")
    (folder / "odd.txt").write_bytes(raw)
    found = read(folder)
    assert found.texts == ["good"]
    digest = hashlib.sha256(raw).hexdigest()
    assert found.bad == [{"source": "input", "file": "odd.txt", "line": None, "offset": 0, "reason": reason, "sha256": digest}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', "malformed_json"),
        (b'{"text": NaN, "more": "\\ud800"}', "malformed_json"),
        (b'["text"]', "not_an_object"),
        (b'{"other": "x"}', "missing_column"),
        (b'{"text": null}', "null_text"),
        (b'{"text": 42}', "wrong_type"),
        (b'{"text": ["a"]}', "wrong_type"),
        (b'{"text": " "}', "empty_text"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_bad_row_goes_to_the_quarantine_with_its_place(folder: Path, line: bytes, reason: str, last: bool) -> None:
    first = b'{"text": "good"}\n'
    (folder / "a.jsonl").write_bytes(first + b"\n" + line + (b"" if last else b'\n{"text": "good too"}\n'))
    found = read(folder)
    assert found.texts == ["good", "good too"][: 2 - last]
    digest = hashlib.sha256(line).hexdigest()
    place = {"source": "input", "file": "a.jsonl", "line": 3, "offset": len(first) + 1}
    assert found.bad == [{**place, "reason": reason, "sha256": digest}]
    assert found.metrics["quarantine"] == {reason: 1}


def test_a_byte_order_mark_a_lone_surrogate_and_blank_lines_do_no_harm_and_are_counted(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "first"}\r\n  \n{"text": "lone \\ud800 half"}')
    found = read(folder)
    assert found.texts == ["first", "lone \ufffd half"]
    assert found.bad == []
    assert found.metrics["mended"] == {"byte_order_mark": 1, "surrogates": 1}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_bytes_that_are_no_utf8_are_replaced_dropped_or_fail_by_the_policy(folder: Path, tmp_path: Path, name: str) -> None:
    rows = [b'{"text": "\xc3\xa0 caf\xe9"}', b'{"text": "good"}'] if name == "a.jsonl" else [b"text", b"\xc3\xa0 caf\xe9", b"good"]
    (folder / name).write_bytes(b"\n".join(rows) + b"\n")
    replaced = read(folder)
    assert (replaced.texts, replaced.metrics["mended"]) == (["à caf\ufffd", "good"], {"undecodable": 1})
    assert replaced.metrics["encodings"] == {}
    dropped = read(folder, limits=read_limits(undecodable="drop"))
    assert (dropped.texts, dropped.reasons) == (["good"], ["invalid_utf8"])
    with pytest.raises(InputError, match=rf"{name}:\d can't be used: invalid_utf8(.|\n)*undecodable=drop"):
        read(folder, limits=read_limits(undecodable="fail"))


def test_a_text_that_breaks_its_byte_order_marks_promise_follows_the_policy(folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").write_bytes(b"\xff\xfea\0b")
    (folder / "b.txt").write_text("good")
    found = read(folder)
    assert (found.texts, found.metrics["encodings"]) == (["a\ufffd", "good"], {"undecodable": 1, "utf-8": 1})
    assert read(folder, limits=read_limits(undecodable="drop")).reasons == ["undecodable"]


def test_controls_line_ends_and_unicode_separators_are_left_to_cleaning(folder: Path) -> None:
    text = "a\0b\r\nc\u2028d\x1be\u200bf"
    write_rows(folder / "a.jsonl", {"text": text})
    pq.write_table(pa.table({"text": [text]}), folder / "b.parquet")
    assert read(folder).texts == [text, text]


def test_another_type_in_a_side_column_harms_nothing(folder: Path) -> None:
    write_rows(folder / "a.jsonl", *({"text": f"row {row}", "side": row} for row in range(2000)), {"text": "last", "side": {"a": ["b"]}})
    found = read(folder)
    assert len(found.texts) == 2001
    assert found.texts[-1] == "last"


def test_a_line_that_is_too_long_is_dropped_truncated_or_fails_and_the_next_is_read(folder: Path, tmp_path: Path) -> None:
    write_rows(folder / "a.jsonl", {"text": "before"}, {"n": [{"text": 1}], "text": "x" * 100}, {"text": "after"})
    dropped = read(folder, limits=read_limits(max_document_bytes=40))
    assert (dropped.texts, dropped.reasons) == (["before", "after"], ["line_too_long"])
    truncated = read(folder, limits=read_limits(max_document_bytes=40, too_long="truncate"))
    assert truncated.texts == ["before", "x" * (40 - len('{"n": [{"text": 1}], "text": "')), "after"]
    assert (truncated.bad, truncated.metrics["mended"]) == ([], {"truncated": 1})
    with pytest.raises(InputError, match=r"a\.jsonl:2 can't be used: line_too_long"):
        read(folder, limits=read_limits(max_document_bytes=40, too_long="fail"))


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b'{"text": "abc\\u00e9d', "abcéd"),
        (b'{"text": "abc\\u00e', "abc"),
        (b'{"text": "abc\\', "abc"),
        (b'{"text": "abc\\\\u00', "abc\\u00"),
        (b'{"text": "abc\xc3', "abc"),
        (b'{"text": "whole", "more": "aaaa', "whole"),
        (b'{"other": {"text": "no"}, "text": "say \\"yes', 'say "yes'),
        (b'{"other": "text", "text" : "yes', "yes"),
    ],
)
def test_a_row_that_is_too_long_is_cut_within_its_text(folder: Path, head: bytes, text: str) -> None:
    (folder / "a.jsonl").write_bytes(head + b'\xa9zzzzzzzzzzzzzzzzzzzzzz"}\n')
    assert read(folder, limits=read_limits(max_document_bytes=len(head), too_long="truncate")).texts == [text]


def test_a_file_that_is_too_long_is_dropped_truncated_or_fails(folder: Path, tmp_path: Path) -> None:
    (folder / "a.txt").write_text("é" * 30)
    (folder / "b.txt").write_text("good")
    dropped = read(folder, limits=read_limits(max_document_bytes=41))
    assert (dropped.texts, dropped.reasons) == (["good"], ["file_too_long"])
    assert dropped.bad[0]["sha256"] == hashlib.sha256("é".encode() * 30).hexdigest()
    assert read(folder, limits=read_limits(max_document_bytes=41, too_long="truncate")).texts == ["é" * 20, "good"]
    with pytest.raises(InputError, match=r"a\.txt can't be used: file_too_long"):
        read(folder, limits=read_limits(max_document_bytes=41, too_long="fail"))


@pytest.mark.parametrize("policy", ["wrong_type", "missing_text", "malformed", "binary", "damaged"])
def test_each_kind_of_fault_can_be_made_to_fail(folder: Path, policy: str) -> None:
    rows = {"wrong_type": '{"text": 1}', "missing_text": "{}", "malformed": "{"}
    write_rows(folder / "a.jsonl", {"text": "good"}, rows.get(policy, {"text": "too"}))
    (folder / "b.txt").write_bytes(b"a\0" if policy == "binary" else b"good")
    (folder / "c.txt.gz").write_bytes(gzip.compress(b"text " * 1000)[: -20 if policy == "damaged" else None])
    with pytest.raises(InputError, match=f"corpus.policy.{policy}=drop"):
        read(folder, limits=read_limits(**{policy: "fail"}))


@pytest.mark.parametrize("packing", [".gz", ".zst", ".bz2"])
def test_a_damaged_packed_file_goes_to_the_quarantine_and_what_was_read_stays(folder: Path, packing: str) -> None:
    rows = b"".join(b'{"text": "%d %s"}\n' % (row, np.random.default_rng(row).bytes(90).hex().encode()) for row in range(20000))
    name = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}[packing]
    with pa.CompressedOutputStream(folder / f"a.jsonl{packing}", name) as file:
        file.write(rows)
    raw = (folder / f"a.jsonl{packing}").read_bytes()
    (folder / f"a.jsonl{packing}").write_bytes(raw[:-20])
    (folder / f"b.txt{packing}").write_bytes(b"not packed at all")
    found = read(folder)
    assert found.reasons[-2:] == ["damaged", "damaged"]
    assert 10 < len(found.texts) <= 20000
    assert found.bad[-2]["sha256"] == hashlib.sha256(raw[:-20]).hexdigest()


def test_damaged_files_that_weigh_more_than_the_bad_fraction_fail_though_they_are_one_row_each(folder: Path) -> None:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(b'{"text": "row %d"}\n' % row for row in range(9000)))[:-50])
    write_rows(folder / "b.jsonl", *({"text": f"row {row}"} for row in range(100)))
    with pytest.raises(InputError, match=r"a\.jsonl\.gz is damaged"):
        read(folder, limits=read_limits(max_bad_fraction=0.1))


def test_an_empty_file_of_any_kind_is_no_document_and_is_told(folder: Path) -> None:
    for name in ("a.jsonl", "b.json", "c.csv", "d.txt", "e.html", "f.warc"):
        (folder / name).touch()
    (folder / "good.txt").write_text("good")
    assert read(folder).reasons == ["empty_file", "empty_file", "empty_file", "empty_text", "empty_text", "empty_file"]


@pytest.mark.parametrize(
    ("content", "allowed", "message"),
    [
        (None, 0.1, "does not exist"),
        ({}, 0.1, "is empty"),
        ({"a.pdf": "%PDF"}, 0.1, "has no readable file, only .pdf"),
        ({"a.txt": " "}, 1.0, "source 'input' has no documents"),
        ({"a.jsonl": '{"content": "x", "url": "y"}\n'}, 0.1, "its columns are content, url"),
        ({"a.csv": "content,url\nx,y\n"}, 0.1, "its columns are content, url"),
        ({"a.txt": "fine", "b.jsonl": '{"content": "' + "x" * 500 + '"}\n'}, 0.1, "b.jsonl does not have the"),
        (
            {"a.txt": "fine", "b.jsonl": '{"text": null}\n{"text": null}\n{"text": 1}\n'},
            0.1,
            "b.jsonl leads with 2 null_text, 1 wrong_type",
        ),
    ],
)
def test_what_can_not_be_read_is_told_with_its_mend(tmp_path: Path, content: dict[str, str] | None, allowed: float, message: str) -> None:
    folder = tmp_path / "input"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(InputError, match=message) as fault:
        read(folder, limits=read_limits(max_bad_fraction=allowed))
    assert fault.value.mend


def test_a_small_index_beside_the_texts_is_set_aside_and_does_not_fail_the_folder(folder: Path) -> None:
    (folder / "book.txt").write_text("A long book. " * 1000)
    write_rows(folder / "index.jsonl", {"title": "A long book"})
    found = read(folder, limits=read_limits(max_bad_fraction=0.01))
    assert len(found.texts) == 1
    assert found.reasons == ["missing_column"]


def test_parquet_without_the_column_fails_and_names_those_there_are(folder: Path) -> None:
    pq.write_table(pa.table({"content": ["a"], "url": ["b"]}), folder / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet has no column 'text'; its columns are content, url"):
        read(folder)


def test_parquet_whose_column_is_no_text_fails_and_names_its_type(folder: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2]}), folder / "a.parquet")
    with pytest.raises(InputError, match=r"is int64, not text; its columns are text \(int64\)"):
        read(folder)


def test_binary_text_of_parquet_is_read_as_utf8_and_strings_that_are_none_follow_the_policy(folder: Path, tmp_path: Path) -> None:
    raws = pa.array(["café".encode(), b"caf\xe9", None, b""], pa.binary())
    pq.write_table(pa.table({"text": raws}), folder / "a.parquet")
    pq.write_table(pa.table({"text": raws.view(pa.string())}), folder / "b.parquet")  # Arrow does not look
    found = read(folder)
    assert found.texts == ["café", "caf\ufffd"] * 2
    assert found.reasons == ["null_text", "empty_text"] * 2
    assert found.metrics["mended"] == {"undecodable": 2}
    dropped = read(folder, limits=read_limits(undecodable="drop"))
    assert dropped.reasons == ["invalid_utf8", "null_text", "empty_text"] * 2
    assert dropped.bad[0]["sha256"] == hashlib.sha256(b"caf\xe9").hexdigest()
    assert (dropped.bad[0]["line"], dropped.bad[0]["offset"]) == (2, None)


@pytest.mark.parametrize("fault", ["truncated", "not parquet", "flipped bit"])
def test_damaged_parquet_goes_to_the_quarantine(folder: Path, fault: str) -> None:
    (folder / "good.txt").write_text("good")
    path = folder / "a.parquet"
    texts = [np.random.default_rng(row).bytes(200).hex() for row in range(50)]
    pq.write_table(pa.table({"text": texts}), path, compression="none", use_dictionary=False, write_page_checksum=True)
    raw = bytearray(path.read_bytes())
    if fault == "flipped bit":
        raw[len(raw) // 2] ^= 1  # another letter, which decodes as well
    path.write_bytes({"truncated": raw[:-30], "not parquet": b"text", "flipped bit": raw}[fault])
    found = read(folder)
    assert (found.texts, found.reasons) == (["good"], ["damaged"])


def test_a_file_that_can_not_be_opened_fails_and_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.txt").write_text("secret")

    def refuse(self: Path, *args: object, **settings: object) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"a\.txt can't be read: not yours"):
        read(folder)


def test_two_documents_of_one_id_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(folder / "a.jsonl", {"text": "one"}, {"text": "two"})
    monkeypatch.setattr("pipeline.text.reading.shard_builder._digest", lambda prefix, row: "0" * 16)
    with pytest.raises(InputError, match=r"same id 0000000000000000: a\.jsonl:1 of input and a\.jsonl:2 of input"):
        read(folder)


def test_the_quarantine_stands_in_the_order_of_reading(folder: Path) -> None:
    for name in "abc":
        write_rows(folder / f"{name}.jsonl", {"text": "good"}, {"text": 1}, "{", {"text": None})
    found = read(folder, limits=read_limits(shard_bytes=30), engine="threading", workers=2)
    assert [(row["file"], row["line"]) for row in found.bad] == [(f"{name}.jsonl", line) for name in "abc" for line in (2, 3, 4)]
    assert json.dumps(found.metrics["quarantine"]) == '{"malformed_json": 3, "null_text": 3, "wrong_type": 3}'


def test_a_format_that_is_stated_reads_files_of_any_name(folder: Path) -> None:
    (folder / "data.part-0001").write_text('{"text": "a row"}\n')
    assert read(folder, source(format="jsonl")).texts == ["a row"]
