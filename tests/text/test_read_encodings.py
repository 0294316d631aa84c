"""Encodings: bytes that are not UTF-8 come out as what they mean, wherever the file is cut, or as U+FFFD that is counted."""

import csv
import io
import json
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from tests.text.reading_tools import Outcome, read, read_limits, source

WESTERN = "Café – “naïve” says €5, señor"
RUSSIAN = "Привет, мир! Это текст о погоде."
JAPANESE = "表示、ソート、能力と構造。"  # in Shift JIS some of these end in a backslash
ROW = "{}: {}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def file_of(kind: str, texts: list[str]) -> str:
    """Texts as the rows of a file."""
    if kind == "jsonl":
        return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    if kind == "json":
        return json.dumps([{"text": text} for text in texts], ensure_ascii=False)
    if kind == "txt":
        return "\n".join(texts)
    table = io.StringIO(newline="")
    csv.writer(table, delimiter="\t" if kind == "tsv" else ",").writerows([("größe", "text"), *(("1", text) for text in texts)])
    return table.getvalue()


def same(left: Outcome, right: Outcome) -> bool:
    told = ("encodings", "mended", "quarantine")
    return (left.texts, left.bad) == (right.texts, right.bad) and all(left.metrics[name] == right.metrics[name] for name in told)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json"])
def test_rows_in_cp1252_are_read_as_such_and_counted_wherever_the_file_is_cut(folder: Path, kind: str) -> None:
    texts = [ROW.format(row, WESTERN if row % 3 else "plain") for row in range(30)]
    (folder / f"a.{kind}").write_bytes(file_of(kind, texts).encode("cp1252"))
    found = read(folder)
    assert found.texts == texts
    assert found.metrics["encodings"] == {"cp1252": 20 + (kind in ("csv", "tsv"))}
    assert (found.metrics["mended"], found.bad) == ({}, [])
    assert same(found, read(folder, limits=read_limits(shard_bytes=100)))


def test_a_column_whose_name_is_in_cp1252_is_found_in_every_part_of_the_file(folder: Path) -> None:
    (folder / "a.csv").write_bytes("id,größe\n".encode("cp1252") + b"".join(b"%d,text %d\n" % (row, row) for row in range(40)))
    for limits in (read_limits(), read_limits(shard_bytes=100)):
        assert read(folder, source(column="größe"), limits=limits).texts == [f"text {row}" for row in range(40)]
    (folder / "z.txt").write_text("last")
    for limits in (read_limits(undecodable="drop"), read_limits(undecodable="drop", shard_bytes=100)):
        found = read(folder, source(column="größe"), limits=limits)
        assert (found.texts, found.reasons) == (["last"], ["damaged"])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_row_of_broken_utf8_is_not_taken_for_cp1252(folder: Path, kind: str) -> None:
    broken = file_of(kind, [RUSSIAN, "other"]).encode().replace("мир".encode(), "мир".encode()[:-1])
    (folder / f"a.{kind}").write_bytes(broken.replace("größe".encode(), b"id"))
    found = read(folder)
    assert found.texts == [RUSSIAN.replace("мир", "ми\ufffd"), "other"]
    assert (found.metrics["mended"], found.metrics["encodings"]) == ({"undecodable": 1}, {})


def test_a_text_of_broken_utf8_is_not_taken_for_cp1252(folder: Path) -> None:
    (folder / "a.txt").write_bytes(RUSSIAN.encode()[:-2] + b".")
    found = read(folder)
    assert found.texts == [RUSSIAN[:-2] + "\ufffd."]
    assert (found.metrics["mended"], found.metrics["encodings"]) == ({"undecodable": 1}, {"undecodable": 1})
    (folder / "b.txt").write_text("good")
    assert read(folder, limits=read_limits(undecodable="drop")).reasons == ["undecodable"]


@pytest.mark.parametrize("kind", ["txt", "csv", "tsv", "jsonl", "json"])
@pytest.mark.parametrize(("encoding", "text"), [("cp1251", RUSSIAN), ("cp932", JAPANESE), ("koi8-r", RUSSIAN), ("gb18030", "联通。联通")])
def test_a_stated_encoding_is_that_of_files_that_are_not_utf8(folder: Path, kind: str, encoding: str, text: str) -> None:
    texts = [text, "plain", *([text] * 12)]
    content = file_of(kind, texts).replace("größe", "id")
    (folder / f"a.{kind}").write_bytes(content.encode(encoding))
    (folder / f"b.{kind}").write_bytes(content.encode())
    expected = [content] * 2 if kind == "txt" else texts * 2
    for limits in (read_limits(), read_limits(shard_bytes=60), read_limits(undecodable="drop")):
        found = read(folder, source(encoding=encoding), limits=limits)
        assert (found.texts, found.bad, found.metrics["mended"]) == (expected, [], {})
        assert encoding in found.metrics["encodings"]


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl", "json"])
def test_bytes_that_the_stated_encoding_has_not_follow_the_policy(folder: Path, kind: str) -> None:
    raw = file_of(kind, [RUSSIAN, "other"]).replace("größe", "id").encode("cp1251").replace("мир".encode("cp1251"), b"\x98")
    (folder / f"a.{kind}").write_bytes(raw)
    (folder / "z.md").write_text("last")
    found = read(folder, source(encoding="cp1251"))
    assert found.texts[0].startswith(RUSSIAN.replace("мир", "\ufffd"))
    assert found.metrics["mended"] == {"undecodable": 1}
    dropped = read(folder, source(encoding="cp1251"), limits=read_limits(undecodable="drop"))
    assert dropped.reasons == ["undecodable" if kind == "txt" else "invalid_utf8"]


def test_a_json_file_in_a_stated_encoding_that_is_never_closed_is_damaged(folder: Path) -> None:
    (folder / "a.json").write_bytes(file_of("json", [RUSSIAN, RUSSIAN]).encode("cp1251")[:-20])
    (folder / "z.txt").write_text("last")
    found = read(folder, source(encoding="cp1251"))
    assert (found.texts, found.reasons) == ([RUSSIAN, "last"], ["damaged"])


@pytest.mark.parametrize("encoding", ["none-such", "utf-16", "utf-7", "cp037", "rot13", "iso-2022-jp", "a\0b", ""])
def test_an_encoding_that_is_none_is_told_with_its_key(folder: Path, encoding: str) -> None:
    (folder / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"source 'input': encoding=.* is unknown to Python(.|\n)*cp1251"):
        read(folder, source(encoding=encoding))


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("gb2312", "gb18030", "港口在灰色的天空下静静地躺着，没有人说话，朱镕基来了。"),
        ("gbk", "gb18030", "港口在灰色的天空下静静地躺着，没有人说话 €。"),
        ("x-gbk", "gb18030", "港口在灰色的天空下静静地躺着，没有人说话。"),
        ("shift_jis", "cp932", "港は灰色の空の下で静かに横たわり、①誰も話さなかった。"),
        ("x-sjis", "cp932", "港は灰色の空の下で静かに横たわり、①誰も話さなかった。"),
        ("euc-kr", "cp949", "항구는 잿빛 하늘 아래 고요히 누워 있었다. 똠방각하."),
        ("ks_c_5601-1987", "cp949", "항구는 잿빛 하늘 아래 고요히 누워 있었다. 똠방각하."),
        ("iso-8859-1", "cp1252", "The harbour lay quiet – “grey” – and nobody spoke of it."),
        ("us-ascii", "cp1252", "The harbour lay quiet – “grey” – and nobody spoke of it."),
        ("iso-8859-9", "cp1254", "Liman gri gökyüzünün altında sessizce uzanıyordu – “öyle”."),
        ("tis-620", "cp874", "ท่าเรือเงียบสงบใต้ท้องฟ้าสีเทา “ไม่มีใครพูด”"),
        ("big5", "big5hkscs", "港口在灰色的天空下靜靜地躺著,沒有人說話,嗰個人喺度。"),
    ],
)
def test_the_name_of_an_encoding_means_what_it_means_on_the_web(folder: Path, charset: str, codec: str, text: str) -> None:
    page = f'<html><head><meta charset="{charset}"></head><body><p>{text}</p></body></html>'
    (folder / "a.html").write_bytes(page.encode(codec))
    found = read(folder)
    assert (found.texts, found.metrics["encodings"]) == ([text], {codec: 1})


def test_a_page_that_breaks_the_encoding_that_it_states_is_read_in_it_all_the_same(folder: Path) -> None:
    text = "港口在灰色的天空下静静地躺着，没有人说话。"
    page = f'<html><head><meta charset="gb2312"></head><body><p>{text} .</p></body></html>'.encode("gb18030")
    (folder / "a.html").write_bytes(page.replace(b" .", b" \xff."))
    found = read(folder)
    assert found.texts == [f"{text} \ufffd."]
    assert (found.metrics["mended"], found.metrics["encodings"]) == ({"undecodable": 1}, {"undecodable": 1})
    (folder / "z.txt").write_text("last")
    assert read(folder, limits=read_limits(undecodable="drop")).reasons == ["undecodable"]


def test_a_page_that_states_another_encoding_than_it_has_is_read_by_its_bytes_where_these_tell(folder: Path) -> None:
    body = "<html><head><meta charset='{}'></head><body><p>{}</p></body></html>"
    (folder / "a.html").write_bytes(body.format("utf-8", WESTERN).encode("cp1252"))
    (folder / "b.html").write_bytes(body.format("ascii", "a\x81b c\x85d").encode("latin-1"))
    (folder / "c.html").write_bytes(body.format("windows-1255", "Últimas, señor").encode())
    (folder / "d.html").write_bytes(b"\xef\xbb\xbf" + body.format("iso-8859-1", WESTERN).encode())
    found = read(folder)
    assert found.texts == [WESTERN, "a\x81b c…d", "Últimas, señor", WESTERN]
    assert found.metrics["mended"] == {}
