"""Separators: documents that stand one after another in a file are read as documents, and no special token stays in a text uncounted."""

import gzip
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import InputError
from pipeline.text.reading import separated as room
from pipeline.text.reading.marks import special_tokens
from pipeline.tokens.special import IDS
from tests.text.reading_tools import read, read_limits, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


@pytest.mark.parametrize(
    "mark", ["<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>", "  <|endoftext|> ", "<｜end▁of▁sentence｜>", "[EOS]"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_line_with_nothing_but_a_mark_parts_two_documents(folder: Path, mark: str, newline: str) -> None:
    lines = ["One story.", "", "Its end.", mark, "  Another,", "with lines.", "", mark, mark, "A third.", mark, ""]
    (folder / "a.txt").write_bytes(newline.join(lines).encode())
    found = read(folder, limits=read_limits(max_bad_fraction=0.0))
    assert found.texts == [newline.join(text) for text in (["One story.", "", "Its end."], ["  Another,", "with lines."], ["A third."])]
    assert found.origins == ["a.txt:1", "a.txt:2", "a.txt:4"]
    assert found.metrics["separators"] == {mark.strip(): 4}
    assert found.metrics["special_tokens"] == {}


@pytest.mark.parametrize(
    "text",
    [
        "The mark <|endoftext|> stands within a sentence.",
        "A line that ends with one: <|endoftext|>\nand goes on",
        "<s>\nstruck through\n</s>\nand not",  # an element
        "A page\fand another",
        "Title\n-----\n\n***\n\ntext",
    ],
)
def test_what_is_no_line_of_a_mark_is_left_alone_and_counted(folder: Path, text: str) -> None:
    (folder / "a.txt").write_text(text)
    found = read(folder)
    assert (found.texts, found.origins) == ([text], ["a.txt"])
    assert found.metrics["special_tokens"] == dict(sorted(special_tokens(text).items()))
    assert found.metrics["separators"] == {}


def test_a_mark_in_the_code_of_markdown_is_an_example(folder: Path) -> None:
    text = "# Format\n\n```\none\n<|endoftext|>\ntwo\n```\n"
    (folder / "a.md").write_text(text)
    (folder / "b.md").write_text("# One\n<|endoftext|>\n# Two\n")
    assert read(folder).texts == [text, "# One", "# Two"]


@pytest.mark.parametrize(
    ("stated", "text", "texts"),
    [
        (None, "one\n<|endoftext|>\ntwo", ["one\n<|endoftext|>\ntwo"]),
        ("%", "100 % of it\n%\n two\n", ["100 % of it", " two"]),
        ("-----", "one\n-----\ntwo\n----------\nstill\n", ["one", "two\n----------\nstill"]),
        ("<|endoftext|>", "one.<|endoftext|>two <|endoftext|>", ["one.", "two"]),
        ("\f", "one\ftwo\n\f\nthree", ["one", "two", "three"]),
        (r"\f", "one\ftwo", ["one", "two"]),
        ("\n\n\n", "one\n\nstill\n\n\ntwo\r\n\r\n\r\nthree", ["one\n\nstill", "two", "three"]),
        ("\n---\n", "one\n---\ntwo --- still\n", ["one", "two --- still"]),
        ("Конец", "раз\nКонец\nКонец дня\nКонец\nдва\n", ["раз", "Конец дня", "два"]),
    ],
)
def test_the_separator_is_the_users_own_if_one_is_stated(folder: Path, stated: str | None, text: str, texts: list[str]) -> None:
    (folder / "a.txt").write_bytes(text.encode())
    assert read(folder, source(separator=stated)).texts == texts


@pytest.mark.parametrize(
    "settings", [{"separator": ""}, {"separator": "  "}, {"separator": "x" * 200}, {"separator": "%", "format": "jsonl"}]
)
def test_a_separator_that_can_not_be_is_told(folder: Path, settings: dict[str, str]) -> None:
    (folder / "a.txt").write_text("text")
    with pytest.raises(InputError, match="separator="):
        read(folder, source(**settings))


@pytest.mark.parametrize("name", IDS)
def test_each_of_our_special_tokens_is_counted_wherever_it_stands(folder: Path, name: str) -> None:
    (folder / "a.txt").write_text(f"in {name} a text{name}")
    (folder / "b.jsonl").write_text(f'{{"text": "<s> in {name} a row </s>"}}\n')
    found = read(folder)
    assert found.metrics["special_tokens"] == {"</s>": 1, "<s>": 1, name: 3}
    assert found.notices[0].startswith(f"texts hold special tokens: {name} (3), </s> (1), <s> (1); if one parts documents")


def test_of_names_without_end_the_most_frequent_are_told(folder: Path) -> None:
    (folder / "a.txt").write_text(" ".join(f"<|name{number}|>" for number in range(80)) + " <|name7|>")
    found = read(folder).metrics["special_tokens"]
    assert (len(found), found["others"], found["<|name7|>"]) == (51, 30, 2)


def test_of_what_is_no_special_token_none_is_counted() -> None:
    assert not special_tokens("a <| b |> c, 1 < 2 | 3 > 2, <div>, <sup>, <|>, [x], <https://a.org|b>, [12]")


MARKS = ("\n<|endoftext|>\n", "\n</s>\n", "<|endoftext|>", "\n \n", "\n  <|endoftext|><|endoftext|> \r\n")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("stated", ["auto", "<|endoftext|>", "\n \n"])
def test_however_a_file_is_cut_packed_or_blocked_the_documents_are_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int, stated: str
) -> None:
    draw = np.random.default_rng(seed)
    texts = (f"{number} " + "é word\n" * int(draw.integers(0, 40)) for number in range(30))
    raw = "".join(text + MARKS[int(draw.integers(0, len(MARKS)))] for text in texts).encode()
    (folder / "a.txt").write_bytes(raw)
    whole = read(folder, source(separator=stated))
    assert len(whole.texts) > 3
    (folder / "a.txt").unlink()
    (folder / "a.txt.gz").write_bytes(gzip.compress(raw))
    monkeypatch.setattr(room, "_BLOCK", int(draw.integers(1, 3000)))
    packed = read(folder, source(separator=stated), limits=read_limits(max_document_bytes=len(raw) - 1))
    (folder / "a.txt.gz").unlink()
    (folder / "a.txt").write_bytes(raw)
    for found in (packed, *(read(folder, source(separator=stated), limits=read_limits(shard_bytes=size)) for size in (300, 1000))):
        assert found.texts == whole.texts
        assert found.bad == whole.bad
        assert [found.metrics[name] for name in ("separators", "special_tokens")] == [
            whole.metrics[name] for name in ("separators", "special_tokens")
        ]
    assert found.documents.to_pylist() == whole.documents.to_pylist()


def test_ranges_count_each_separator_once() -> None:
    raw = b"a\n<eos>\nb <eos>\n<eos><eos>\n" * 50
    separator = room.Separator(("<eos>",), "utf-8", alone=True, several=True)
    counts = sum(
        (room.count_separators(io.BytesIO(raw), separator, at, min(at + 13, len(raw))) for at in range(0, len(raw), 13)), Counter[str]()
    )
    assert counts == {"<eos>": 100}


def test_a_document_that_is_too_long_is_told_and_the_next_is_read(folder: Path) -> None:
    (folder / "a.txt").write_text("one\n<eos>\n" + "long " * 300 + "\n<eos>\nthree\n")
    found = read(folder, limits=read_limits(max_document_bytes=1000, shard_bytes=500))
    assert (found.texts, found.reasons, found.bad[0]["line"]) == (["one", "three"], ["text_too_long"], 2)
    cut = read(folder, limits=read_limits(max_document_bytes=1000, too_long="truncate"))
    assert [len(text) for text in cut.texts] == [3, 999, 5]


def test_each_document_is_decoded_by_itself_and_a_wide_file_is_parted_too(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"caf\xe9\n<eos>\n" + "café\n<eos>\n".encode() + b"\0\1\n")
    (folder / "b.txt").write_bytes("\ufeffeins\n<eos>\nzwei".encode("utf-16-le"))
    found = read(folder)
    assert (found.texts, found.reasons) == (["café", "café", "eins", "zwei"], ["binary"])
    assert found.metrics["encodings"] == {"cp1252": 1, "utf-16-le": 1}


def test_a_file_without_separators_stays_one_document_with_its_own_name(folder: Path) -> None:
    (folder / "a.txt").write_text("text " * 500)
    found = read(folder, limits=read_limits(shard_bytes=100, max_document_bytes=10_000))
    assert (found.origins, len(found.reading.work.pieces)) == (["a.txt"], 1)
