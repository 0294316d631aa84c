"""Long texts: streamed and cut into chunks, at the same places whoever reads them; the chunks of a text are one group."""

import gzip
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import InputError
from pipeline.text.reading import chunks as room
from pipeline.text.reading.chunks import Chunk, Chunker, chunks_between, chunks_of, fenced
from pipeline.text.reading.shard_builder import document_id
from tests.text.reading_tools import Outcome, growth_of_reading, read, read_limits, source

LIMITS = {"max_document_bytes": 1500, "max_chunk_bytes": 500, "max_bad_fraction": 0.0, "too_long": "cut"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def prose(seed: int, paragraphs: int = 60) -> str:
    """Paragraphs of one to six lines, with a chapter now and then."""
    draw = np.random.default_rng(seed)
    told = []
    for number in range(paragraphs):
        told += [f"CHAPTER {number}. Of the word"] if draw.random() < 0.1 else []
        told.append("\n".join(f"Line {line} of {number}, a wórd more." for line in range(int(draw.integers(1, 7)))))
    return "\n\n".join(told)


def cut(raw: bytes, *, block: int, max_bytes: int = 500, markdown: bool = False) -> list[Chunk]:
    """The chunks of a text that arrives in blocks."""
    chunker = Chunker(max_bytes, markdown=markdown)
    found = [chunk for at in range(0, len(raw), block) for chunk in chunker.add(raw[at : at + block])]
    return [*found, *chunker.end()]


@pytest.mark.parametrize("seed", range(8))
def test_the_chunks_are_the_text_within_the_bound_however_it_arrives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = prose(seed).encode()
    whole = cut(raw, block=len(raw))
    assert b"".join(chunk.raw for chunk in whole) == raw
    assert [chunk.offset for chunk in whole] == [0, *np.cumsum([len(chunk.raw) for chunk in whole])[:-1]]
    assert max(len(chunk.raw) for chunk in whole) <= 500
    assert whole == cut(raw, block=1) == cut(raw, block=77)
    draw = np.random.default_rng(seed)
    monkeypatch.setattr(room, "_BLOCK", int(draw.integers(1, 900)))
    ends = sorted({0, len(raw), *draw.integers(0, len(raw), 5).tolist()})
    parts = [list(chunks_between(io.BytesIO(raw), 500, start=start, end=end)) for start, end in pairwise(ends)]
    assert [chunk for part in parts for chunk in part] == whole
    assert list(chunks_of(io.BytesIO(raw), 500, markdown=False)) == whole


def test_what_is_added_behind_moves_no_cut() -> None:
    raw = prose(1).encode()
    assert cut(raw + prose(2).encode(), block=1000)[: len(cut(raw, block=1000)) - 1] == cut(raw, block=1000)[:-1]


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("word word.\n\nCHAPTER IV. The end\n\nword\nword\n\n", "heading"),
        ("a word\n \n = A Title = \n \n words and words\nand more\n\n", "heading"),
        ("word word.\n\nmore\r\nwords\n\n", "paragraph"),
        ("word word.\r\n \r\nmore words\r\n", "paragraph"),
        ("a line of words\n", "line"),
        ("a line of words\r", "line"),
        ("words ", "blank"),
        ("é", "character"),
        ("€", "character"),
        ("😀", "character"),
        ("x", "character"),
    ],
)
def test_a_cut_lies_at_the_best_place_there_is(line: str, ends: str) -> None:
    found = cut((line * 2000).encode(), block=4096)
    assert {chunk.ends_at for chunk in found[:-1]} == {ends}
    assert "".join(chunk.raw.decode() for chunk in found) == line * 2000
    if ends == "heading":
        assert all(chunk.raw.lstrip().startswith((b"CHAPTER IV", b"= A Title =")) for chunk in found[1:])


def test_of_headings_in_a_row_the_first_begins_the_chunk() -> None:
    raw = ("x" * 40 + "\n\nBOOK TWO\n\nCHAPTER I. Of it\n\n" + "y" * 60 + "\n\n") * 20
    assert all(chunk.raw.startswith(b"BOOK TWO") for chunk in cut(raw.encode(), block=4096)[1:])


CODE = "Words of it.\n\n```python\n# no heading\n\n# another\n\nx = 1\n```\n\n"


def test_fenced_code_of_markdown_is_kept_whole() -> None:
    raw = (CODE * 40).encode()
    found = cut(raw, block=100, markdown=True)
    assert all(chunk.raw.count(b"```") % 2 == 0 for chunk in found)
    assert {chunk.ends_at for chunk in found[:-1]} == {"paragraph"}
    assert {chunk.ends_at for chunk in cut(raw, block=100)[:-1]} == {"heading"}, "without Markdown the remark is one"


def test_code_that_is_longer_than_a_chunk_is_cut_within_and_what_follows_it_is_text_again() -> None:
    code = "````\n" + "".join(f"# step {number}\n\n```\n\n" for number in range(60)) + "````\n\n"
    found = cut((code + "# Title\n\nwords of it\n\n" * 60).encode(), block=100, markdown=True)
    kinds = [chunk.ends_at for chunk in found[:-1]]
    assert set(kinds[: kinds.index("heading")]) == {"code"}
    assert set(kinds[kinds.index("heading") :]) == {"heading"}


def test_fences_are_those_of_commonmark() -> None:
    raw = b"~~~ a\n```\n~~~\nx\n``` b`c\n   ````\n```\n`````  \n"
    assert fenced(raw, b"") == [(0, 13, b"~~~"), (24, 43, b"````")]
    assert fenced(b"x\n```\ny\n```\n", b"```") == [(0, 5, b"```"), (8, 13, b"```")]


def same(left: Outcome, right: Outcome, *, but: str = "") -> bool:
    names = [name for name in ("id", "origin", "group", "text") if name != but]
    return left.documents.select(names).to_pylist() == right.documents.select(names).to_pylist() and left.bad == right.bad


def test_a_long_file_is_one_group_of_chunks_that_name_their_place(folder: Path) -> None:
    raw = prose(3).encode()
    (folder / "sub").mkdir()
    (folder / "sub/long.txt").write_bytes(raw)
    (folder / "short.txt").write_text("a short text")
    found = read(folder, limits=read_limits(**LIMITS))
    rows = [row for row in found.documents.to_pylist() if row["origin"] != "short.txt"]
    assert len(rows) > 5
    for row in rows:
        name, _, offset = row["origin"].partition("@")
        assert name == "sub/long.txt"
        assert raw[int(offset) :].lstrip().startswith(row["text"].encode())
        assert len(row["text"].encode()) <= 500
    assert {row["group"] for row in rows} == {document_id("input", "sub/long.txt", None)}
    assert len({row["id"] for row in rows}) == len(rows)
    assert "".join("".join(row["text"] for row in rows).split()) == "".join(raw.decode().split())
    assert sum(found.metrics["cuts"].values()) == len(rows) - 1
    assert found.notices[-1].startswith(f"long texts were cut {len(rows) - 1} times, by the place: ")
    grouped = read(folder, source(group="folder"), limits=read_limits(**LIMITS))
    assert {row["group"] for row in grouped.documents.to_pylist() if row["origin"] != "short.txt"} == {"sub"}


@pytest.mark.parametrize("separated", [False, True])
def test_ranges_packing_engines_and_workers_change_nothing(folder: Path, separated: bool) -> None:
    mark = "\n<|endoftext|>\n"
    raw = (mark.join(["short", prose(4), "also short", prose(5), ""]) if separated else prose(4, 200)).encode()
    (folder / "a.txt").write_bytes(raw)
    whole = read(folder, limits=read_limits(**LIMITS, shard_bytes=1 << 20))
    assert len(whole.texts) > 10
    for size, engine, workers in ((700, "threading", 3), (2500, "threading", 1), (1300, "loky", 2)):
        parts = read(folder, engine=engine, workers=workers, limits=read_limits(**LIMITS, shard_bytes=size))
        assert len(parts.reading.work.pieces) > 3
        assert same(whole, parts)
        assert parts.metrics["cuts"] == whole.metrics["cuts"]
        assert max(one["bytes"] for one in parts.reading.work.counts if one["documents"] > 1) <= size
    (folder / "a.txt").rename(folder.parent / "a.txt")
    for suffix, packed in ((".gz", gzip.compress(raw)), (".md", raw)):
        name = "a.txt.gz" if suffix == ".gz" else "a.md"
        (folder / name).write_bytes(packed)
        other = read(folder, limits=read_limits(**LIMITS))
        (folder / name).unlink()
        assert other.texts == whole.texts
        assert [one.partition(":")[2] or one.partition("@")[2] for one in other.origins] == [
            one.partition(":")[2] or one.partition("@")[2] for one in whole.origins
        ]


def test_a_long_document_between_separators_is_its_own_group(folder: Path) -> None:
    (folder / "a.txt").write_text("one\n<eos>\n" + prose(6) + "\n<eos>\n" + prose(7) + "\n<eos>\nfour")
    found = read(folder, limits=read_limits(**LIMITS)).documents.to_pylist()
    assert [(row["origin"], row["group"]) for row in (found[0], found[-1])] == [("a.txt:1", None), ("a.txt:4", None)]
    for number in (2, 3):
        groups = {row["group"] for row in found if row["origin"].startswith(f"a.txt:{number}@")}
        assert groups == {document_id("input", "a.txt", number)}


@pytest.mark.parametrize(
    ("encoding", "stated"),
    [("utf-8-sig", None), ("cp1252", None), ("utf-16", None), ("utf-16-be", "utf-16-be"), ("utf-32-le", "utf-32-le"), ("cp1251", "cp1251")],
)
@pytest.mark.parametrize("mark", ["", "<eos>\n"])
def test_a_long_file_is_read_in_the_encodings_of_a_short_one(folder: Path, encoding: str, stated: str | None, mark: str) -> None:
    text = prose(8).replace("wórd", "слово") if encoding == "cp1251" else prose(8)
    text = text.replace("CHAPTER", mark + "CHAPTER")
    (folder / "a.txt").write_bytes(text.encode(encoding))
    short = read(folder, source(encoding=stated), limits=read_limits(max_document_bytes=1 << 20))
    long = read(folder, source(encoding=stated), limits=read_limits(**LIMITS))
    assert len(long.texts) > len(short.texts)
    assert "".join("".join(long.texts).split()) == "".join("".join(short.texts).split())
    assert set(short.metrics["encodings"]) - {"utf-8"} == set(long.metrics["encodings"]) - {"utf-8"}
    assert long.metrics["mended"] == {}


def test_a_wide_text_with_a_null_in_it_is_decoded_once(folder: Path) -> None:
    text = prose(8).replace(" ", " \x00", 1)
    (folder / "a.txt").write_bytes(text.encode("utf-16-le"))
    found = read(folder, source(encoding="utf-16-le"), limits=read_limits(**{**LIMITS, "max_bad_fraction": 1.0}))
    assert found.reasons == ["binary"]
    assert set("".join(found.texts)) <= set(prose(8)), "no sign that was read as two"


def test_a_text_that_only_in_utf8_is_too_long_is_cut_too(folder: Path) -> None:
    text = "слово и дело\n" * 100
    (folder / "a.txt").write_bytes(text.encode("cp1251"))
    (folder / "b.txt").write_bytes((text + "\n<eos>\n" + text).encode("cp1251"))
    limits = read_limits(max_document_bytes=1500, max_chunk_bytes=500, too_long="cut", max_bad_fraction=0.0)
    found = read(folder, source(encoding="cp1251"), limits=limits)
    assert all(len(one.encode()) <= 500 for one in found.texts)
    assert "".join(found.texts).replace("\n", "") == text.replace("\n", "") * 3


def test_invalid_bytes_of_a_long_wide_file_follow_the_policy(folder: Path) -> None:
    raw = ("\ufeff" + prose(9)).encode("utf-16-le")
    (folder / "a.txt").write_bytes(raw[:4000] + b"\x00\xd8\x20\x00" + raw[4000:])
    found = read(folder, limits=read_limits(**LIMITS))
    assert "".join(found.texts).count("\ufffd") == 1
    assert found.metrics["mended"] == {"undecodable": 1}
    (folder / "b.txt").write_text("a text")
    dropped = read(folder, limits=read_limits(**LIMITS | {"max_bad_fraction": 1.0}, undecodable="drop"))
    assert dropped.reasons == ["undecodable"]


def test_a_long_file_that_is_no_text_is_one_bad_row(folder: Path) -> None:
    (folder / "a.txt").write_bytes(bytes(range(256)) * 100)
    (folder / "b.txt").write_text("<!doctype html><p>" + "words " * 1000)
    (folder / "c.txt").write_text("a text")
    for size in (1000, 1 << 20):
        found = read(folder, limits=read_limits(**LIMITS | {"max_bad_fraction": 1.0}, shard_bytes=size))
        assert (found.texts, found.reasons) == (["a text"], ["binary", "file_too_long"])


def test_of_a_long_packed_file_that_ends_early_what_was_read_is_kept(folder: Path) -> None:
    packed = gzip.compress(prose(10, 400).encode(), compresslevel=0)
    (folder / "a.txt.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "b.txt").write_text("x" * 1400)
    with pytest.raises(InputError, match=r"a\.txt\.gz is damaged"):
        read(folder, limits=read_limits(**LIMITS))


def test_the_policies_of_before_are_still_there(folder: Path) -> None:
    (folder / "a.txt").write_text(prose(11))
    (folder / "b.txt").write_text("a text")
    for policy, lengths in (("drop", [6]), ("truncate", [1500, 6])):
        found = read(folder, limits=read_limits(**LIMITS | {"too_long": policy, "max_bad_fraction": 1.0}, shard_bytes=600))
        assert [len(text.encode()) for text in found.texts] == lengths
    with pytest.raises(InputError, match="file_too_long"):
        read(folder, limits=read_limits(**LIMITS | {"too_long": "fail"}))
    with pytest.raises(ValueError, match="max_chunk_bytes 501 is above a third of max_document_bytes 1500"):
        read_limits(**LIMITS | {"max_chunk_bytes": 501})


def test_a_text_of_200_megabytes_costs_no_more_than_a_few_shards(tmp_path: Path, root: Path) -> None:
    with gzip.open(tmp_path / "a.txt.gz", "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b"words and " * 100_000)
    limits = {"shard_bytes": 1 << 23, "max_document_bytes": 1 << 24, "max_chunk_bytes": 1 << 20, "too_long": "cut"}
    kilobytes, count = growth_of_reading(tmp_path / "a.txt.gz", root, counts="bytes", **limits)
    assert count > 180_000_000
    assert kilobytes < 50_000
