"""Tables whose columns are not separated by commas: the first row tells, wherever the file is cut."""

import csv
import gc
import gzip
import io
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from pipeline.core.errors import InputError
from tests.text.reading_tools import read, read_limits, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def table(delimiter: str, *, head: tuple[str, ...] = ("id", "text"), quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    """40 rows."""
    file = io.StringIO(newline="")
    rows = [head, *((str(row), f"text, {row}; the next") for row in range(40))]
    csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(rows)
    return file.getvalue().encode()


TEXTS = [f"text, {row}; the next" for row in range(40)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("shard", [1 << 20, 100])
def test_the_first_row_tells_the_delimiter(folder: Path, delimiter: str, quoting: int, shard: int) -> None:
    (folder / "a.csv").write_bytes(table(delimiter, quoting=quoting))
    found = read(folder, limits=read_limits(shard_bytes=shard))
    assert (found.texts, found.bad) == (TEXTS, [])


@pytest.mark.parametrize("head", [("number, of the row", "text"), ("the\nnumber", "text"), ('a "number"', "text")])
def test_commas_and_newlines_within_a_name_do_not_tell(folder: Path, head: tuple[str, ...]) -> None:
    (folder / "a.csv").write_bytes(b"\r\n" + table(";", head=head))
    assert read(folder).texts == TEXTS


def test_a_table_of_one_column_and_a_tsv_are_read_as_ever(folder: Path) -> None:
    (folder / "a.csv").write_text("text\none; two\nthree\tfour\n")
    (folder / "b.tsv").write_text("a,b\ttext\n1\tfive; six\n")
    (folder / "c.tsv.gz").write_bytes(gzip.compress(b"text\nseven, eight\n"))
    assert read(folder).texts == ["one; two", "three\tfour", "five; six", "seven, eight"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_delimiter_may_be_stated(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"id|text, as it is; so\n1|one\n")
    assert read(folder, source(delimiter="|", column="text, as it is; so")).texts == ["one"]
    (folder / name).write_bytes(b"id|text, x\n1|one\n")
    with pytest.raises(InputError, match=r"(?s)does not have the text column.*delimiter"):
        read(folder, limits=read_limits(max_bad_fraction=0.1))


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r"])
def test_a_delimiter_that_is_none_is_told_with_its_key(folder: Path, delimiter: str) -> None:
    (folder / "a.csv").write_text("text\na\n")
    with pytest.raises(InputError, match=r"source 'input': delimiter=.* is not one character"):
        read(folder, source(delimiter=delimiter))


def test_the_file_is_closed_though_a_delimiter_does_not_fit(folder: Path) -> None:
    (folder / "a.csv").write_bytes(table("\t", quoting=csv.QUOTE_ALL))
    gc.disable()
    try:
        read(folder)
        assert not [file.path for file in psutil.Process().open_files() if Path(file.path).parent == folder]
    finally:
        gc.enable()
