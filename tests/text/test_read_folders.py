"""Folders as they are found: content against suffix, companions of data, what is passed over, and why nothing is usable."""

import bz2
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.text.reading.ignored import how_to_read, is_companion
from tests.text.reading_tools import read, read_limits, source, write_rows

LOST = """<!-- saved -->
<!DOCTYPE html><html><head><title>404</title><script>var tracker = 1;</script><style>p { color: red }</style></head>
<body><h1>Not Found</h1><p>The page that you asked for is not here any more, and nobody knows where it went.</p></body></html>"""
POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    "raw", [LOST, "\ufeff" + LOST, LOST.replace("<!DOCTYPE html>", ""), '<?xml version="1.0"?>\n' + LOST, LOST.upper()]
)
def test_a_text_that_is_a_page_is_read_as_one(folder: Path, name: str, raw: str) -> None:
    (folder / name).write_text(raw)
    found = read(folder)
    assert "page that you asked for" in found.texts[0].lower()
    assert not any(sign in found.texts[0].lower() for sign in ("<", "tracker", "color"))
    assert found.metrics["read_as"] == {f"{name[2:]} as html": 1}


def test_a_text_about_pages_stays_a_text_and_so_does_a_page_whose_format_is_stated(folder: Path) -> None:
    text = "A page begins with <html> and ends with </html>.\n"
    (folder / "a.txt").write_text(text)
    (folder / "b.txt").write_text(LOST)
    assert read(folder).texts[0] == text
    assert read(folder, source(format="txt")).texts == [text, LOST]


@pytest.mark.parametrize("raw", [b"%PDF-1.4\n1 0 obj", rb"{\rtf1\ansi A text.}", b"%!PS-Adobe-3.0\n"])
def test_a_text_that_is_of_another_format_is_told(folder: Path, raw: bytes) -> None:
    (folder / "a.txt").write_bytes(raw)
    with pytest.raises(InputError, match=r"1 another_format; the first is a\.txt(.|\n)*mend: turn it into text: pdftotext"):
        read(folder)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.gz", "a.epub"])
def test_a_page_in_the_place_of_data_is_told_as_such(folder: Path, name: str) -> None:
    (folder / name).write_text(LOST)
    with pytest.raises(InputError, match=rf"1 another_format; the first is {name}(.|\n)*get a page in the place of data again"):
        read(folder)


def test_a_page_without_any_tag_is_a_text(folder: Path) -> None:
    (folder / "a.html").write_text("Plain text.\n\nTwo paragraphs, a < b.")
    found = read(folder)
    assert (found.texts, found.metrics["read_as"]) == (["Plain text.\n\nTwo paragraphs, a < b."], {"html as txt": 1})


@pytest.mark.parametrize("name", ["a.txt", "data/a.parquet", "a.jsonl.gz", "a.epub"])
def test_a_pointer_of_git_lfs_is_an_error_that_says_what_fetches_the_data(folder: Path, name: str) -> None:
    for number in range(2):
        path = folder / f"{number}" / name
        path.parent.mkdir(parents=True)
        path.write_text(POINTER)
    (folder / "good.txt").write_text("good")
    with pytest.raises(InputError, match=rf"0/{name} in .* pointer to it \(and 1 more\)(.|\n)*mend: git lfs pull"):
        read(folder)


def test_a_pointer_of_git_annex_is_told_too_and_a_text_about_pointers_is_a_text(folder: Path) -> None:
    (folder / "a.txt").write_text("A pointer begins: " + POINTER)
    assert len(read(folder).texts) == 1
    (folder / "b.txt").write_text("/annex/objects/MD5E-s12345--0123456789abcdef0123456789abcdef.txt\n")
    with pytest.raises(InputError, match="git annex get"):
        read(folder)


def test_a_program_of_the_name_of_a_companion_is_a_program() -> None:
    assert [is_companion(name) for name in ("licence.py", "LICENSE.txt", "readme.js", "README.md")] == [False, True, False, True]


def test_a_cloned_data_set_is_read_without_its_companions(folder: Path) -> None:
    write_rows(folder / "data/train.jsonl", {"text": "a row"})
    companions = ("README.md", "dataset_infos.json", "LICENSE", "LICENSE.txt", "data/README_zh.md", "CITATION.cff", "SHA256SUMS")
    for name in (*companions, ".gitattributes"):
        (folder / name).write_text('{"default": {"description": "x"}}')
    found = read(folder, limits=read_limits(max_bad_fraction=0.0))
    assert found.texts == ["a row"]
    assert found.metrics["ignored_files"] == dict.fromkeys(sorted(Path(name).name for name in companions), 1)


def test_companions_are_documents_if_there_is_nothing_else_or_the_path_names_them(folder: Path) -> None:
    for name in ("a/README.md", "b/README.md"):
        (folder / name).parent.mkdir()
        (folder / name).write_text(name)
    assert read(folder).texts == ["a/README.md", "b/README.md"]
    (folder / "c.txt").write_text("c")
    assert read(folder).texts == ["c"]
    assert read(folder, source(path="**/README.md")).texts == ["a/README.md", "b/README.md"]
    assert read(folder, source(path="a/README*")).texts == ["a/README.md"]


@pytest.mark.parametrize("packing", ["", ".bz2"])
def test_a_dump_of_wikipedia_is_told_by_its_content_with_what_makes_text_of_it(folder: Path, packing: str) -> None:
    raw = b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="en">\n<page><title>T</title></page></mediawiki>'
    (folder / f"dump.xml{packing}").write_bytes(bz2.compress(raw) if packing else raw)
    with pytest.raises(InputError, match=r"only MediaWiki dump \(1\)(.|\n)*WikiExtractor --json"):
        read(folder)


def test_files_that_are_not_read_are_counted_by_kind_and_the_error_says_how_to_read_them(folder: Path) -> None:
    for name in ("a.py", "b.py", "c.pdf", "d.docx", "e.xml.bz2", "Makefile"):
        (folder / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"only \.py \(2\), \.docx \(1\), .*Makefile \(1\)(.|\n)*\.py: .*format: txt(.|\n)*pdftotext"):
        read(folder)
    (folder / "f.txt").write_text("f")
    assert read(folder).metrics["ignored_files"] == {".docx": 1, ".pdf": 1, ".py": 2, ".xml": 1, "Makefile": 1}


@pytest.mark.parametrize("kind", [".py", ".pdf", ".docx", "Makefile", ".unheard", "README.md", "broken link"])
def test_each_kind_says_how_it_is_read(kind: str) -> None:
    assert how_to_read(kind)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["The harbour lay quiet.\n" * 9, "Гавань была тиха, и никто не говорил.\n" * 9])
@pytest.mark.parametrize("allowed", [0.01, 1.0])
def test_a_wide_text_without_its_mark_is_told_with_the_encoding_that_reads_it(
    folder: Path, encoding: str, text: str, allowed: float
) -> None:
    (folder / "a.txt").write_bytes(text.encode(encoding))
    (folder / "b.txt").write_bytes(text.encode(encoding))
    with pytest.raises(InputError, match=rf"no documents: 2 binary; the first is a\.txt \(binary\)(.|\n)*encoding={encoding}"):
        read(folder, limits=read_limits(max_bad_fraction=allowed))
    found = read(folder, source(encoding=encoding), limits=read_limits(max_bad_fraction=0.0))
    assert (found.texts, found.metrics["encodings"]) == ([text, text], {encoding: 2})


def test_a_wide_encoding_is_for_whole_files(folder: Path) -> None:
    write_rows(folder / "a.jsonl", {"text": "a"})
    for settings in ({"format": "jsonl"}, {}):
        with pytest.raises(InputError, match="iconv -f utf-16-le -t utf-8"):
            read(folder, source(encoding="utf-16-le", **settings))


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        ("a.txt", bytes(range(256)), r"1 binary; the first is a\.txt \(binary\)(.|\n)*state its encoding"),
        ("a.txt", b"x" * 3000, r"1 file_too_long(.|\n)*corpus\.max_document_bytes"),
        ("a.txt", b"\n\n", r"1 empty_text; the first is a\.txt"),
        ("a.jsonl", b'{"text": 1}\n{"text": null}\n{"text": 2}\n', r"2 wrong_type, 1 null_text; the first is a\.jsonl:1"),
        ("a.jsonl", b"{\n{\n", r"2 malformed_json; the first is a\.jsonl:1(.|\n)*correct the rows"),
        ("a.csv", b"text,b\n1\n2\n", r"2 malformed_csv; the first is a\.csv:2"),
        ("a.epub", b"no archive", r"a\.epub is damaged"),
        ("a.html", b"<html></html>", r"1 empty_text; the first is a\.html"),
        ("a.warc", b"WARC/1.0\r\nWARC-Type: request\r\nContent-Length: 0\r\n\r\n\r\n\r\n", "1 record_request passed over"),
    ],
)
def test_where_no_document_is_usable_the_reasons_and_the_first_place_are_told(folder: Path, name: str, raw: bytes, told: str) -> None:
    (folder / name).write_bytes(raw)
    for allowed in (0.01, 0.99):
        with pytest.raises(InputError, match=told):
            read(folder, limits=read_limits(max_document_bytes=2000, max_bad_fraction=allowed))


ROWS = {
    "a.jsonl": '{"prompt": "Why?", "response": "So."}\n',
    "b.json": '[{"messages": []}]',
    "c.csv": "question,answer\nWhy?,So.\n",
    "d.jsonl": '{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n',
}


def test_dialogues_among_text_are_passed_over_and_told(folder: Path) -> None:
    for name, content in ROWS.items():
        (folder / name).write_text(content)
    (folder / "e.jsonl").write_text('{"text": "A text.", "prompt": "with a column more"}\n')
    (folder / "f.txt").write_text("Another text.")
    found = read(folder)
    assert found.texts == ["A text.", "Another text."]
    assert found.metrics["ignored_files"] == {"dialogues": 4}
    assert "dialogues=files" in how_to_read("dialogues")


def test_a_column_that_is_asked_for_is_text_whatever_stands_beside_it(folder: Path) -> None:
    (folder / "a.jsonl").write_text(ROWS["a.jsonl"])
    assert read(folder, source(column="response")).texts == ["So."]
    with pytest.raises(InputError, match=r"holds dialogues and no text(.|\n)*make repro SET='data=world dialogues=files dialogues\.path="):
        read(folder)


def test_rows_of_another_kind_are_an_error_or_passed_over_as_it_is_set(folder: Path) -> None:
    (folder / "a.txt").write_text("A text.")
    (folder / "b.jsonl").write_text('{"sentence_good": "So.", "sentence_bad": "Os."}\n')
    with pytest.raises(InputError, match="does not have the text column"):
        read(folder, limits=read_limits(max_bad_fraction=0.1))
    skips = read_limits(other_columns="skip")
    found = read(folder, limits=skips)
    assert found.texts == ["A text."]
    assert found.metrics["ignored_files"] == {"rows without a column of text": 1}
    (folder / "a.txt").unlink()
    with pytest.raises(InputError, match=r"b\.jsonl has no column 'text', but sentence_bad(.|\n)*source_defaults\.column=COLUMN"):
        read(folder, limits=skips)
