"""What a source states of its documents beside their text is carried along; what is none of its kind is null and counted."""

import datetime
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import InputError
from pipeline.text.reading.metadata import MetadataColumns, metadata_value
from tests.text.reading_tools import Outcome, read, read_limits, source, write_rows
from tests.text.test_read_formats import as_csv, as_epub, as_warc

PAGE = """<html><head><meta name="Author" content="Ada"><meta name="author" content="Bo"><link rel="canonical" href="https://a.org/x">
<link rel="license" href="https://creativecommons.org/licenses/by/4.0/">
<meta property="article:published_time" content="2019-03-04T05:06:07Z">
</head><body><article><h1>The Storm</h1><p>It rained for days, and nobody in the village could remember a summer like it.</p></article>
</body></html>"""


def columns(**named: str) -> MetadataColumns:
    return MetadataColumns(**{"url": None, "date": None, "author": None, "license": None} | named)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


def known(found: Outcome) -> list[dict[str, Any]]:
    """The documents without what they have anyway."""
    return found.documents.drop_columns(DOCUMENTS.names).to_pylist()


def test_columns_are_carried_only_if_a_source_names_them(folder: Path) -> None:
    write_rows(folder / "a.jsonl", {"text": "one", "url": "https://a.org", "license": "MIT"})
    assert read(folder).documents.schema == DOCUMENTS
    found = read(folder, source(metadata=columns(license="license")))
    assert found.documents.schema.names == [*DOCUMENTS.names, "license"]
    assert known(found) == [{"license": "MIT"}]


def test_what_is_absent_is_null_and_what_is_of_another_kind_is_null_and_counted(folder: Path) -> None:
    rows = [
        {"url": "https://a.org", "date": "2020-02-03", "author": ["Ada", "Bo"], "license": ["MIT"]},
        {"url": None, "date": "", "author": "  ", "license": []},
        {},
        {"url": 5, "date": "yesterday", "author": {"name": "Ada"}, "license": [1]},
    ]
    write_rows(folder / "a.jsonl", *({"text": f"row {number}", **row} for number, row in enumerate(rows)))
    found = read(folder, source(metadata=columns(url="url", date="date", author="author", license="license")))
    nothing = dict.fromkeys(("url", "date", "author", "license"))
    assert known(found) == [
        {"url": "https://a.org", "date": date(2020, 2, 3), "author": "Ada; Bo", "license": "MIT"},
        *[nothing] * 3,
    ]
    assert found.metrics["unusable_metadata"] == {"author": 1, "date": 1, "license": 1, "url": 1}
    assert found.metrics["sources"]["input"]["metadata"] == {name: {"known": 1, "missing": 3} for name in nothing}


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("1923", date(1923, 1, 1)),
        (1923, date(1923, 1, 1)),
        ("1923-11", date(1923, 11, 1)),
        ("20240229", date(2024, 2, 29)),
        ("2024-02-29T23:59:59+02:00", date(2024, 2, 29)),
        ("2019-03-04 05:06:07.123456", date(2019, 3, 4)),
        (datetime.datetime(2020, 1, 2, 3), date(2020, 1, 2)),
        (date(2020, 1, 2), date(2020, 1, 2)),
        (None, None),
        ("", None),
    ],
)
def test_a_date_is_of_iso_8601_or_a_year(written: Any, day: date | None) -> None:
    assert metadata_value("date", written) == day


@pytest.mark.parametrize("written", ["2023-02-30", "03/04/2019", "circa 1900", 1577836800, 2.5, True, "19", ["2020-01-01"], "x" * 5000])
def test_what_is_no_date_is_told_apart(written: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        metadata_value("date", written)


def test_a_column_may_lie_within_another(folder: Path) -> None:
    write_rows(
        folder / "a.jsonl", {"text": "one", "meta": {"url": "https://a.org", "more": {"license": "MIT"}}}, {"text": "two", "meta": 7}
    )
    meta = [{"url": "https://b.org", "more": {"license": "CC0-1.0"}}]
    pq.write_table(pa.table({"text": ["three"], "meta": meta}), folder / "b.parquet")
    found = read(folder, source(metadata=columns(url="meta.url", license="meta.more.license")))
    assert [row["url"] for row in known(found)] == ["https://a.org", None, "https://b.org"]
    assert [row["license"] for row in known(found)] == ["MIT", None, "CC0-1.0"]


def test_rows_of_every_format_state_it(folder: Path) -> None:
    (folder / "a.csv").write_bytes(as_csv(("text", "by", "when", "group"), ("one", "Ada", "2020-01-02", "g")))
    (folder / "b.json").write_text(json.dumps([{"text": "two", "by": "Bo", "when": "2021", "group": "h"}]))
    when = pa.array([1_600_000_000_123_456_789], pa.timestamp("ns", "UTC"))  # Python has no such time
    by = pa.array(["Cy"]).dictionary_encode()
    pq.write_table(pa.table({"text": ["three"], "by": by, "when": when, "group": ["i"]}), folder / "c.parquet")
    pq.write_table(pa.table({"text": ["four"], "group": ["j"]}), folder / "d.parquet")
    found = read(folder, source(group="group", metadata=columns(author="by", date="when")))
    assert [row["author"] for row in known(found)] == ["Ada", "Bo", "Cy", None]
    assert [row["date"] for row in known(found)] == [date(2020, 1, 2), date(2021, 1, 1), date(2020, 9, 13), None]
    assert found.documents["group"].to_pylist() == ["g", "h", "i", "j"]


def test_web_archives_pages_and_books_state_it_themselves(folder: Path) -> None:
    (folder / "a.html").write_text(PAGE)
    records = [("response", "http://a.org/x", "text/html", PAGE.encode()), ("conversion", "http://b.org/t", "text/plain", b"Plain.")]
    (folder / "b.warc").write_bytes(as_warc(*records))
    pages = source(path="a.html", metadata=columns(url="canonical", date="published", author="author", license="license"))
    archive = source(name="web", path="b.warc", group="host", metadata=columns(url="url", date="date", license="license"))
    stated = {"url": "https://a.org/x", "date": date(2019, 3, 4), "license": "https://creativecommons.org/licenses/by/4.0/"}
    assert known(read(folder, pages, archive)) == [
        stated | {"author": "Ada; Bo"},
        {"url": "http://a.org/x", "date": date(2026, 1, 1), "author": None, "license": stated["license"]},
        {"url": "http://b.org/t", "date": date(2026, 1, 1), "author": None, "license": None},
    ]


def test_a_page_without_an_element_states_nothing(folder: Path) -> None:
    (folder / "a.html").write_text("<!-- nothing -->")
    (folder / "b.html").write_text(PAGE)
    found = read(folder, source(metadata=columns(author="author")))
    assert (known(found), found.reasons) == ([{"author": "Ada; Bo"}], ["empty_text"])


def test_a_book_states_it_in_its_package(folder: Path) -> None:
    terms = "<metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:creator>Ada</dc:creator><dc:creator>Bo</dc:creator>"
    terms += "<dc:date>1923</dc:date><dc:rights>CC0-1.0</dc:rights></metadata>"
    (folder / "a.epub").write_bytes(as_epub({"a.xhtml": "<p>Text.</p>"}, metadata=terms))
    (folder / "b.epub").write_bytes(as_epub({"a.xhtml": "<p>More text.</p>"}))
    found = read(folder, source(metadata=columns(author="creator", date="date", license="rights")))
    stated = {"date": date(1923, 1, 1), "author": "Ada; Bo", "license": "CC0-1.0"}
    assert known(found) == [stated, dict.fromkeys(stated)]


def test_a_source_may_state_one_license_for_documents_that_state_none(folder: Path) -> None:
    (folder / "a.txt").write_text("A text.")
    write_rows(folder / "b.jsonl", {"text": "one", "license": "MIT"}, {"text": "two"})
    own, other = (
        source(name="own", path="a.txt"),
        source(name="other", path="b.jsonl", metadata=columns(license="license"), license="CC0-1.0"),
    )
    found = read(folder, own, other)
    assert known(found) == [{"license": None}, {"license": "MIT"}, {"license": "CC0-1.0"}]
    assert found.metrics["sources"]["own"]["metadata"] == {"license": {"known": 0, "missing": 1}}


def test_a_column_that_no_document_has_is_an_error(folder: Path) -> None:
    write_rows(folder / "a.jsonl", {"text": "one", "licence": "MIT"})
    with pytest.raises(InputError, match=r"metadata\.license=license, but no document"):
        read(folder, source(metadata=columns(license="license")))


def test_the_bytes_do_not_depend_on_cuts_and_engines_and_a_cap_counts_what_it_keeps(folder: Path) -> None:
    rows = [{"text": f"row {number} " * 5, "url": f"https://a.org/{number}" if number % 3 else None} for number in range(300)]
    write_rows(folder / "a.jsonl", *rows)
    one = source(metadata=columns(url="url"), cap_bytes=5000)
    whole = read(folder, one)
    cut = read(folder, one, limits=read_limits(shard_bytes=1000), engine="loky", workers=2)
    assert cut.documents.to_pylist() == whole.documents.to_pylist()
    count = whole.documents.num_rows
    told = {"known": count - -(-count // 3), "missing": -(-count // 3)}
    assert whole.metrics["sources"]["input"]["metadata"] == cut.metrics["sources"]["input"]["metadata"] == {"url": told}
