"""Formats: what each kind of file gives, packed or not."""

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from tests.text.reading_tools import read, read_limits, source

PAGE = """<html><head><title>T</title></head><body><nav><a href="/">Home</a> <a href="/about">About us</a></nav>
<h1>The Storm</h1><p>It was a <i>dark</i> and stormy
night; the rain fell in torrents.</p><p>A second paragraph<br/>of two lines.</p>
<h2>Morning</h2><p>The sun rose over the quiet harbour of the town.</p><footer>Copyright</footer></body></html>"""
STORM = "The Storm\n\nIt was a dark and stormy night; the rain fell in torrents.\n\nA second paragraph\nof two lines.\n\nMorning\n\nThe sun"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def as_csv(*rows: tuple[str, ...], delimiter: str = ",") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode()


def as_epub(pages: dict[str, str], *, left_out: tuple[str, ...] = (), metadata: str = "") -> bytes:
    names = {f"p{number}": name for number, name in enumerate(pages)}
    items = "".join(
        f'<item id="{key}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>' for key, name in names.items()
    )
    spine = "".join(f'<itemref idref="{key}"/>' for key in sorted(names, reverse=True))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        archive.writestr(
            "OEBPS/content.opf",
            f'<package xmlns="http://www.idpf.org/2007/opf">{metadata}<manifest>{items}</manifest><spine>{spine}</spine></package>',
        )
        for name, page in pages.items():
            if name not in left_out:
                archive.writestr(f"OEBPS/{name}", page)
    return file.getvalue()


def as_warc(*records: tuple[str, str, str, bytes], packed: bool = False) -> bytes:
    """Records of kind, address, "status type" of the answer or the type alone, and body."""
    raws = []
    for number, (kind, url, content, body) in enumerate(records):
        status, _, media = content.rpartition(" ")
        if kind == "response":
            body = f"HTTP/1.1 {status or '200 OK'}\r\nContent-Type: {media}\r\n\r\n".encode() + body
            media = "application/http; msgtype=response"
        head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        head += f"WARC-Target-URI: {url}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        raws.append(head.encode() + body + b"\r\n\r\n")
    return b"".join(gzip.compress(raw) if packed else raw for raw in raws)


def as_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


FORMATS = {
    "a.txt": (b"first", ["first"]),
    "a.md": (b"# first", ["# first"]),
    "a.jsonl": (b'{"text": "first"}\n{"text": "second"}\n', ["first", "second"]),
    "a.json": (b'[{"text": "first"},\n {"text": "second"}]', ["first", "second"]),
    "a.csv": (as_csv(("id", "text"), ("1", "first"), ("2", 'a "second",\n\nof lines')), ["first", 'a "second",\n\nof lines']),
    "a.tsv": (as_csv(("id", "text"), ("1", "first"), ("2", "second, still"), delimiter="\t"), ["first", "second, still"]),
    "a.parquet": (as_parquet(pa.table({"id": [1, 2], "text": ["first", "second"]})), ["first", "second"]),
    "a.epub": (as_epub({"b.xhtml": "<html><body><h1>II</h1><p>Second.</p></body></html>", "c d.xhtml": PAGE}), None),
    "a.html": (PAGE.encode(), None),
    "a.warc": (as_warc(("response", "http://a.org/x", "text/html;charset=utf-8", PAGE.encode())), None),
}


@pytest.mark.parametrize("packing", ["", ".gz", ".zst", ".bz2"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_packed_or_not(folder: Path, name: str, packing: str) -> None:
    raw, texts = FORMATS[name]
    path = folder / f"{name}{packing}"
    if packing:
        with pa.CompressedOutputStream(path, {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}[packing]) as file:
            file.write(raw)
    else:
        path.write_bytes(raw)
    found = read(folder, limits=read_limits(max_bad_fraction=0.0))
    if texts is None:
        assert found.texts[0].startswith(STORM)
        assert "About us" not in found.texts[0]
    else:
        assert found.texts == texts


def test_a_book_of_pages_is_one_document_in_the_order_of_its_spine(folder: Path) -> None:
    (folder / "a.epub").write_bytes(FORMATS["a.epub"][0])
    (text,) = read(folder).texts
    assert text.endswith("quiet harbour of the town.\n\nCopyright\n\nII\n\nSecond.")


def test_a_long_chapter_keeps_its_headings_and_its_repeated_lines(folder: Path) -> None:
    lines = [f"Paragraph {number} has several words of a story that goes on and on." for number in range(50)]
    body = "<h2>CHAPTER I</h2>" + "".join(f"<p>{line}</p>" for line in lines) + "<h2>CHAPTER II</h2><p>Never.</p><p>Never.</p>"
    (folder / "a.epub").write_bytes(as_epub({"a.xhtml": f"<html><body>{body}</body></html>"}))
    assert read(folder).texts == ["\n\n".join(["CHAPTER I", *lines, "CHAPTER II", "Never.", "Never."])]


def test_a_book_that_lacks_a_page_is_damaged_and_one_without_text_is_empty(folder: Path) -> None:
    (folder / "a.epub").write_bytes(as_epub({"a.xhtml": PAGE}, left_out=("a.xhtml",)))
    (folder / "b.epub").write_bytes(b"no archive")
    (folder / "c.epub").write_bytes(as_epub({"a.xhtml": "<html><body></body></html>"}))
    (folder / "good.txt").write_text("good")
    assert read(folder).reasons == ["damaged", "damaged", "empty_text"]


def test_a_page_is_read_in_the_encoding_that_it_states(folder: Path) -> None:
    body = "Dvě řeky tečou tiše kolem starého města."
    (folder / "a.html").write_bytes(f'<html><head><meta charset="iso-8859-2"></head><body><p>{body}</p></body></html>'.encode("iso-8859-2"))
    found = read(folder)
    assert found.texts == [body]
    assert found.metrics["encodings"] == {"iso-8859-2": 1}


@pytest.mark.parametrize("packed", [False, True])
def test_a_web_archive_gives_its_pages_and_texts_and_counts_the_rest(folder: Path, packed: bool) -> None:
    records = [
        ("request", "http://a.org/x", "application/http", b"GET"),
        ("response", "http://a.org/x", "text/html", PAGE.encode()),
        ("response", "http://a.org/none", "404 Gone text/html", PAGE.encode()),
        ("response", "http://a.org/p.png", "image/png", b"\x89PNG"),
        ("conversion", "http://b.org/t", "text/plain", b"A plain text."),
        ("response", "http://b.org/e", "text/html", b"<html></html>"),
    ]
    (folder / ("a.warc.gz" if packed else "a.warc.wet")).write_bytes(as_warc(*records, packed=packed))
    found = read(folder, source(group="host"))
    assert [text[:13] for text in found.texts] == ["The Storm\n\nIt", "A plain text."]
    assert found.documents["group"].to_pylist() == ["a.org", "b.org"]
    assert [origin.rpartition(":")[2] for origin in found.origins] == ["2", "5"]
    assert found.reasons == ["empty_text"]
    assert found.metrics["passed_over"] == {"record_not_text": 2, "record_request": 1}


def test_a_web_archive_that_ends_early_is_told(folder: Path) -> None:
    raw = as_warc(*(("conversion", f"http://a.org/{number}", "text/plain", b"A plain text. " * 20) for number in range(3)))
    (folder / "a.warc").write_bytes(raw[:-100])
    found = read(folder)
    assert len(found.texts) == 2
    assert found.reasons == ["damaged"]


@pytest.mark.parametrize(
    ("raw", "texts", "reasons"),
    [
        (b'{"text": "one",\n "more": {"a": [1]}}', ["one"], []),
        (b'{"text": "one"}\n{"text": "two"}\n', ["one", "two"], []),
        (b'\xef\xbb\xbf [ {"text": "a \\"[{,"} , {"text": "b"} ] ', ['a "[{,', "b"], []),
        (b'[{"text": "one"}, 5, "x", {"text": 1}, {"text": "two"}]', ["one", "two"], ["not_an_object", "not_an_object", "wrong_type"]),
        (b'[{"text": "one"}, {"text": "cut', ["one"], ["damaged"]),
        (b'[{"text": "one"}, {"text": "open", {"text": "three"}, {"text": "four"}]', ["one"], ["damaged"]),
        (b'[{"text": "one"}, {"text": "no bracket"}', ["one"], ["damaged"]),
        (b'[{"text": "one"}, {"text" "two"}, {"text": "three"}]', ["one", "three"], ["malformed_json"]),
        (b'[{"text": "one"}, {"text": "' + b"x" * 200 + b'"}, {"text": "three"}]', ["one", "three"], ["line_too_long"]),
        (b"[]", [], ["empty_file"]),
    ],
)
@pytest.mark.parametrize("block", [1 << 20, 1, 7])
def test_json_files_hold_an_array_or_objects_one_after_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes, texts: list[str], reasons: list[str], block: int
) -> None:
    monkeypatch.setattr("pipeline.text.reading.json_rows._BLOCK", block)
    (folder / "a.json").write_bytes(raw)
    (folder / "z.txt").write_text("last")
    found = read(folder, limits=read_limits(max_document_bytes=100))
    assert (found.texts, found.reasons) == ([*texts, "last"], reasons)


def test_elements_of_a_json_array_are_found_again_by_number_and_offset(folder: Path) -> None:
    raw = json.dumps([{"text": "é" * 10}, {"text": 1}]).encode()
    (folder / "a.json").write_bytes(raw)
    (bad,) = read(folder).bad
    assert bad["line"] == 2
    assert raw[bad["offset"] :].lstrip().startswith(b'{"text": 1}')


def test_rows_of_csv_that_do_not_fit_go_to_the_quarantine_with_their_place(folder: Path) -> None:
    raw = b'id,text\r\n1,"good, row"\r\n2\r\n3,a,b\r\n4,"odd"quote\r\n5,"two\r\nlines"\r\n6, \r\n7,"never closed\r\n'
    (folder / "a.csv").write_bytes(raw)
    found = read(folder)
    assert found.texts == ["good, row", "two\r\nlines"]
    assert found.origins == ["a.csv:2", "a.csv:6"]
    assert [(row["line"], row["reason"]) for row in found.bad] == [
        (3, "malformed_csv"),
        (4, "malformed_csv"),
        (5, "malformed_csv"),
        (8, "empty_text"),
        (9, "malformed_csv"),
    ]
    assert [raw[row["offset"] :][:1] for row in found.bad] == [b"2", b"3", b"4", b"6", b"7"]


def test_an_element_of_json_that_is_never_closed_fails_the_file_that_it_takes_along(folder: Path) -> None:
    rows = [json.dumps({"text": f"row {row}"}) for row in range(1000)]
    rows[300] = rows[300].removesuffix("}")
    (folder / "a.json").write_text(f"[{','.join(rows)}]")
    with pytest.raises(InputError, match=r"a\.json is damaged"):
        read(folder, limits=read_limits(max_bad_fraction=0.01))


@pytest.mark.parametrize("odd", ["unclosed quote here", "unclosed, again", ""])
def test_a_stray_quote_costs_its_own_line_alone(folder: Path, odd: str) -> None:
    rows = [f'{row},"text, {row}"' if row % 2 else f"{row},text {row}" for row in range(1000)]
    rows[300] = f'300,"{odd}'
    rows[700] = '700,"two\nlines"'
    rows[999] = '999,"open to the end'
    (folder / "a.csv").write_text("\n".join(["id,text", *rows]) + "\n")
    found = read(folder, limits=read_limits(max_bad_fraction=0.01))
    assert len(found.texts) == 998
    assert "two\nlines" in found.texts
    assert [(row["line"], row["reason"]) for row in found.bad] == [(302, "malformed_csv"), (1002, "malformed_csv")]


def test_the_first_row_of_csv_may_follow_blank_lines_and_go_over_several(folder: Path) -> None:
    (folder / "a.csv").write_bytes(b'\n"the\nnumber",text\n1,first\n')
    assert read(folder).texts == ["first"]


@pytest.mark.parametrize("raw", [b'id,"text\n1,a\n2,b\n', b"id,text\r1,a\r2,b\r", b"id," + b"x" * 300 + b",text\n1,b,a\n"])
def test_csv_whose_first_row_can_not_be_read_is_damaged(folder: Path, raw: bytes) -> None:
    (folder / "a.csv").write_bytes(raw)
    (folder / "z.txt").write_text("last")
    found = read(folder, limits=read_limits(max_document_bytes=200))
    assert (found.texts, found.reasons) == (["last"], ["damaged"])


def test_a_page_that_does_not_mark_its_text_keeps_its_headings_and_loses_its_menus(folder: Path) -> None:
    paragraph = "<p>A paragraph of this chapter tells, in several words, what came to pass on that day, {}.</p>"
    chapters = (f"<h2>Chapter {number}</h2>" + "".join(paragraph.format(f"{number}-{line}") for line in range(30)) for number in range(40))
    menu = '<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>'
    (folder / "a.html").write_text(f"<html><body>{menu}{''.join(chapters)}<footer><p>Copyright of all</p></footer></body></html>")
    (text,) = read(folder).texts
    assert [part for part in text.split("\n\n") if not part.startswith("A paragraph")] == [f"Chapter {number}" for number in range(40)]
    assert text.count("A paragraph") == 1200


@pytest.mark.parametrize(
    "charset", ["punycode", "unicode_escape", "raw_unicode_escape", "undefined", "idna", "utf-7", "rot13", "none-such"]
)
def test_an_encoding_that_is_none_of_the_web_is_not_believed(folder: Path, charset: str) -> None:
    body = r"The harbour lay quiet under \u0041 +AEE- sky, and nobody – not one – spoke."
    (folder / "a.html").write_text(f'<html><head><meta charset="{charset}"></head><body><p>{body}</p></body></html>')
    found = read(folder)
    assert (found.texts, found.metrics["encodings"]) == ([body], {"utf-8": 1})


def test_a_page_of_a_book_that_holds_a_comment_alone_adds_nothing(folder: Path) -> None:
    (folder / "a.epub").write_bytes(as_epub({"a.xhtml": "<!-- nothing -->", "b.xhtml": "<p>Text.</p>"}))
    assert read(folder).texts == ["Text."]


def test_an_address_that_is_none_costs_a_record_of_a_web_archive_its_host_alone(folder: Path) -> None:
    records = [("conversion", url, "text/plain", b"A plain text.") for url in ("http://a.org/x", "http://[bad/", "http://b.org/x")]
    (folder / "a.warc").write_bytes(as_warc(*records))
    found = read(folder, source(group="host"))
    assert found.documents["group"].to_pylist() == ["a.org", None, "b.org"]
    assert found.bad == []


def test_dictionaries_and_large_and_view_strings_of_parquet_are_texts(folder: Path) -> None:
    plain = pa.array(["a", "b", "a"])
    for name, column in {"a": plain.dictionary_encode(), "b": plain.cast(pa.large_string()), "c": plain.cast(pa.string_view())}.items():
        pq.write_table(pa.table({"text": column}), folder / f"{name}.parquet")
    assert read(folder).texts == ["a", "b", "a"] * 3


def test_a_column_of_another_name_is_read_if_the_source_says_so(folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"story": "one", "text": 1}\n')
    pq.write_table(pa.table({"story": ["two"], "text": [1]}), folder / "b.parquet")
    (folder / "c.csv").write_bytes(as_csv(("text", "story"), ("1", "three")))
    assert read(folder, source(column="story")).texts == ["one", "two", "three"]
    with pytest.raises(InputError, match="no column 'tale'"):
        read(folder, source(column="tale", path="b.parquet"))
