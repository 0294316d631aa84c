"""The doctor on folders of one's own that are spoiled, large, closed, or whole."""

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.doctor import beginning as beginnings
from pipeline.doctor import own_data as looks
from pipeline.doctor.beginning import beginning
from pipeline.doctor.finding import Finding
from pipeline.text.dialogues import formats, rankings, turns, votes
from pipeline.text.dialogues.mends import MENDS
from pipeline.text.reading.rows import open_decompressed
from stages._settings import compose, plain

Look = Callable[..., list[Finding]]
GOOD = '{"text": "A fox."}\n'
ASK, ANSWER = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return plain(compose(["data=own", "preferences=[votes]"]))


@pytest.fixture
def look(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """What is found in a folder with these files; nothing lies anywhere that lay not there before."""
    (tmp_path / "scratch").mkdir()
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.chdir(tmp_path)

    def found(files: dict[str, bytes | str]) -> list[Finding]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        before = sorted(tmp_path.rglob("*"))
        own: dict[str, Any] = {name: {**settings[name], "path": "mine"} for name in ("corpus", "dialogues")}
        own["dialogues"]["preferences_path"] = "pairs"
        own |= {"split": {**settings["split"], "benchmarks": "benchmarks"}, "preferences": settings["preferences"]}
        own["preferences"] = {"votes": {**settings["preferences"]["votes"], "source": "votes.jsonl"}}
        told = looks.own_data(own)
        assert sorted(tmp_path.rglob("*")) == before
        return told

    return found


def parquet(folder: Path) -> bytes:
    """A table with a page that fails its checksum."""
    pq.write_table(pa.table({"text": ["A fox." * 99] * 99}), folder / "whole", use_dictionary=False, compression="none")
    whole = bytearray((folder / "whole").read_bytes())
    (folder / "whole").unlink()
    del whole[100:200]
    return bytes(whole)


@pytest.mark.parametrize(
    ("files", "what", "told", "mend"),
    [
        ({}, "text", "mine is empty", "put text files into it"),
        ({"mine/a.bin": b"\0\1", "mine/b.png": b"\x89PNG"}, "text", r"no readable file, only .bin \(1\), .png \(1\)", "a picture"),
        ({"mine/a.tar.gz": b"x"}, "text", r"no readable file, only .tar \(1\)", "unpack it"),
        ({"mine/a.txt": ""}, "text", "a.txt: empty_text", "documents in it"),
        ({"mine/a.jsonl": '{"text": "A\n' + GOOD + "{\n"}, "text", r"a.jsonl:1: malformed_json, and 1 more", "correct the rows"),
        (
            {"mine/a.jsonl": '{"body": "A", "id": 3}\n'},
            "text",
            "a.jsonl has no column 'text', but body, id",
            "column=COLUMN, one of body, id",
        ),
        ({"mine/a.txt": "текст, и ещё".encode("utf-16-le")}, "text", "a.txt: binary", "encoding=utf-16-le"),
        ({"mine/a.parquet": b"PAR1 no table"}, "text", "a.parquet: damaged", "an intact one"),
        ({"mine/a.jsonl.gz": b"no gzip"}, "text", "a.jsonl.gz: damaged", "an intact one"),
        (
            {"mine/a.txt": "A fox.", "mine/b.jsonl": json.dumps({"messages": [ASK, ANSWER | {"role": "wizard"}]})},
            "dialogues",
            "b.jsonl:1: unknown_role",
            "a role is system, user, assistant",
        ),
        ({"mine/a.txt": "A fox.", "mine/b.jsonl": json.dumps({"messages": [ANSWER]})}, "dialogues", "roles_out_of_order", "the user first"),
        (
            {"mine/a.txt": "A fox.", "votes.jsonl": '{"prompt": "Why?", "answer_a": 1}'},
            "preferences.votes",
            "no.* dialogue",
            "name the columns",
        ),
        ({"mine/a.txt": "A fox.", "benchmarks/a.jsonl": "{"}, "benchmarks", "a.jsonl:1 is not JSON", "correct the line"),
        ({"mine/a.txt": "A fox.", "benchmarks/a.zip": "x"}, "benchmarks", "a.zip can't be read as a benchmark", "mv benchmarks/a.zip"),
    ],
)
def test_what_can_t_be_used_is_told_with_its_place_and_its_mend(
    files: dict[str, bytes | str], what: str, told: str, mend: str, look: Look
) -> None:
    stops = [one for one in look(files) if one.mend and one.stops]
    assert {what} <= {one.what for one in stops} <= {what, "dialogues"}, "what a damaged file holds nobody knows: both read it"
    assert [one for one in stops if re.search(told, one.told) and mend in str(one.mend)], stops


def test_all_faults_are_told_at_once(look: Look, tmp_path: Path) -> None:
    files = {
        "mine/a.jsonl": "{\n" + GOOD,
        "mine/b.parquet": parquet(tmp_path),
        "mine/c.jsonl": json.dumps({"prompt": "Why?", "response": None}),
    }
    stops = [one.told for one in look({**files, "benchmarks/a.zip": "x", "benchmarks/b.csv.gz": "x"}) if one.mend]
    for place in (
        "a.jsonl:1: malformed_json",
        "b.parquet: damaged",
        "c.jsonl:1: null_text",
        "a.zip can't be read",
        "b.csv.gz can't be read",
    ):
        assert [one for one in stops if place in one], place


def test_good_data_are_counted_and_the_few_rows_that_go_to_quarantine_named(look: Look) -> None:
    pair = {"prompt": "Who?", "chosen": "So.", "rejected": "No."}
    rows = "".join(json.dumps(row) + "\n" for row in ({"messages": [ASK, ANSWER]}, pair, {**pair, "prompt": "How?"}))
    found = look({"mine/a.jsonl": 199 * GOOD + "{\n", "mine/b.jsonl": rows, "mine/c.png": b"\x89PNG"})
    assert [one.told for one in found] == [
        "mine: 199 documents, 1,194 characters, from 1 files",
        "a.jsonl:200: malformed_json; to quarantine.jsonl",
        "passed over: .png (1), dialogues (1); to read them: .png: a picture: text recognition, or leave it out",
        "mine: 1 instructions, 2 preferences",
        "passed over, since they hold no dialogues: a.jsonl",
    ]
    assert not any(one.mend for one in found)


def test_a_file_that_may_not_be_read_is_told_and_the_others_are_looked_at(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks.os, "access", lambda file, _: file.name != "a b.txt")
    found = look({"mine/a b.txt": "A fox.", "mine/b.jsonl": "{\n" + GOOD})
    assert (found[0].told, found[0].mend) == ("mine/a b.txt may not be read", "chmod u+r 'mine/a b.txt'")
    assert any("b.jsonl:1: malformed_json" in one.told for one in found)


def test_a_ctrl_c_leaves_nothing(look: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: object, **__: object) -> None:
        assert list((tmp_path / "scratch").iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(looks, "read_sources", stopped)
    with pytest.raises(KeyboardInterrupt):
        look({"mine/a.txt": "A fox."})
    assert not list((tmp_path / "scratch").iterdir())


def test_of_much_data_each_file_gives_its_beginning_in_whole_rows(tmp_path: Path) -> None:
    lines = {"a.txt": "A fox.\n" * 30_000, "b.jsonl": GOOD * 20_000, "c.csv": 'text\n"A\nfox"\n' * 20_000, "d.jsonl": GOOD}
    for name, content in lines.items():
        (tmp_path / name).write_text(content)
    pq.write_table(pa.table({"text": [f"A fox {n}." * 20 for n in range(9000)]}), tmp_path / "e.parquet", use_dictionary=False)
    with pa.output_stream(str(tmp_path / "f.jsonl.gz"), compression="gzip") as packed:
        packed.write("".join(f'{{"text": "{n * 7919}"}}\n' for n in range(90_000)).encode())
    (tmp_path / "g.json").write_text(json.dumps([{"text": "A fox."}] * 20_000))
    with beginning(tmp_path, most=400_000) as seen:
        assert (seen.cut, seen.left_out) == (5, 1)
        assert (seen.path / "d.jsonl").read_text() == GOOD
        for name in ("a.txt", "b.jsonl", "c.csv"):
            part = (seen.path / name).read_text()
            assert lines[name].startswith(part)
            assert 50_000 < len(part) < 80_000
            assert part.endswith("\n")
        assert not (seen.path / "c.csv").read_text().count('"') % 2
        assert 0 < pq.read_table(seen.path / "e.parquet").num_rows < 9000
        with open_decompressed(seen.path / "f.jsonl.gz") as opened:
            assert opened.read().endswith(b"}\n")
        assert seen.said(f"{seen.path}/a.txt") == f"{tmp_path}/a.txt"
        assert seen.told.endswith("5 files in part, 1 not at all")
    assert not seen.path.exists()


def test_of_very_many_files_some_are_looked_at_from_the_first_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginnings, "FILES", 10)
    for number in range(35):
        (tmp_path / f"{number:02d}.txt").write_text("A fox.")
    with beginning(tmp_path) as seen:
        names = sorted(file.name for file in seen.path.iterdir())
    assert names == [f"{number:02d}.txt" for number in range(0, 35, 4)]
    assert seen.told.endswith("26 not at all")


def test_every_reason_for_which_a_dialogue_is_refused_has_a_mend() -> None:
    raised = {
        getattr(module, found, found.strip('"'))
        for module in (formats, rankings, turns, votes)
        for found in re.findall(r'raise FormatError\(("?\w+"?)', Path(str(module.__file__)).read_text())
    }
    assert "roles_out_of_order" in raised
    assert raised <= {*MENDS}


def test_pairs_in_a_second_folder_are_looked_at_too(look: Look, tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    pair = {"prompt": "Why?", "chosen": "So.", "rejected": "No."}
    pairs = [pair, {**pair, "prompt": "Who?"}, {**pair, "prompt": "How?", "chosen": ""}]
    lines = [f"{json.dumps(row)}\n" for row in pairs]

    def told(files: dict[str, bytes | str]) -> list[str]:
        return [one.told for one in look(files) if one.what == "dialogues.preferences_path"]

    assert "2 preferences" in told({"mine/a.txt": "A fox.", "pairs/b.jsonl": "".join(lines[:2])})[0]
    assert told({"pairs/b.jsonl": "".join(lines)})[1].startswith("b.jsonl:3: empty_answer")
