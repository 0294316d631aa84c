"""Shards: however a file is cut, whichever engine reads it, and after whatever stop, the same documents; memory stays bounded."""

import gzip
import hashlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.shards import Piece
from pipeline.text.reading.lines import lines, newlines
from pipeline.text.reading.readers import read_task
from pipeline.text.reading.sources import ReadTask
from tests.text.reading_tools import Outcome, growth_of_reading, read, read_limits, source, write_rows

LINES = [b"", b"a", b"\n", b"abc\n", b"\n\n", b"x" * 30 + b"\n", b" \r\n", b"no end"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rows, good and bad, of uneven length."""
    place = tmp_path / "input"
    place.mkdir()
    draw = np.random.default_rng(1)
    rows = [{"text": f"{row} " + "é" * int(draw.integers(0, 60))} if row % 17 else "{cut" for row in range(90)]
    write_rows(place / "a.jsonl", *rows, "", {"text": "y" * 900}, "\n")
    table = pa.table({"text": [f"{row} " + "z" * int(draw.integers(0, 60)) if row % 13 else None for row in range(90)]})
    pq.write_table(table, place / "b.parquet", row_group_size=7)
    (place / "c.csv").write_text("id,text\n" + "".join(f"{row},{'w' * (row % 40)}\n" for row in range(60)))
    (place / "d.csv").write_text("id,text\n" + "".join(f'{row},"one\n{"w" * (row % 40)}"\n' for row in range(60)))
    (place / "e.txt").write_text("".join(f"story {row}\n{'v' * (row * 7 % 60)}\n<|endoftext|>\n" for row in range(200)))
    for number in range(6):
        (place / f"e{number:02d}.txt").write_text(f"text {number}")
    return place


def same(left: Outcome, right: Outcome) -> bool:
    return left.documents.to_pylist() == right.documents.to_pylist() and left.bad == right.bad


@pytest.mark.parametrize("shard", [200, 1000])
def test_however_files_are_cut_the_documents_and_the_quarantine_are_the_same(folder: Path, shard: int) -> None:
    whole, parts = read(folder), read(folder, limits=read_limits(shard_bytes=shard))
    assert len(parts.reading.work.pieces) > len(whole.reading.work.pieces)
    assert same(whole, parts)
    told = ("documents", "bytes", "quarantine", "files", "encodings", "mended", "separators", "special_tokens")
    assert [whole.metrics[name] for name in told] == [parts.metrics[name] for name in told]


@pytest.mark.parametrize("seed", range(20))
def test_ranges_of_a_file_share_its_lines_out(seed: int) -> None:
    draw = np.random.default_rng(seed)
    raw = b"".join(LINES[int(kind)] for kind in draw.integers(0, len(LINES), 12))
    cuts = sorted({0, *(int(cut) for cut in draw.integers(0, len(raw) + 1, 4))})
    ends = [*cuts[1:], len(raw)]
    found = [
        line
        for start, end in zip(cuts, ends, strict=True)
        for line in lines(io.BytesIO(raw), 20, start=start, end=end, line=newlines(io.BytesIO(raw), 0, start))
        if end > start
    ]
    expected = []
    offset = 0
    for number, line in enumerate(raw.splitlines(keepends=True) if raw else [], start=1):
        if line.strip():
            expected.append((number, offset, line[:20], hashlib.sha256(line.rstrip()).hexdigest() if len(line) > 20 else None))
        offset += len(line)
    assert found == expected


def test_no_piece_holds_more_text_than_a_shard_but_a_single_longer_document(folder: Path) -> None:
    counts = read(folder, limits=read_limits(shard_bytes=500)).reading.work.counts
    assert max(one["bytes"] for one in counts if one["documents"] > 1) <= 500
    assert any(one["bytes"] == 900 for one in counts)


def test_rows_of_csv_that_go_over_lines_are_read_as_one_item_and_others_in_ranges(folder: Path) -> None:
    counts = [read(folder, source(path=name), limits=read_limits(shard_bytes=300)) for name in ("c.csv", "d.csv")]
    items = [{piece.parent for piece in found.reading.work.pieces} for found in counts]
    assert len(items[0]) > 3
    assert len(items[1]) == 1


@pytest.mark.parametrize(("engine", "workers"), [("threading", 3), ("loky", 2)])
def test_every_engine_gives_the_same_bytes(folder: Path, tmp_path: Path, engine: str, workers: int) -> None:
    digests = []
    for how in ({}, {"engine": engine, "workers": workers}):
        found = read(folder, limits=read_limits(shard_bytes=4000), **how)
        assert len(found.reading.work.pieces) >= 3
        target = Corpus(tmp_path / f"corpus {len(digests)}")
        target.gather(found.reading.work, tables=("documents",), sides={}, texts={"quarantine.jsonl": found.reading.quarantine})
        digests.append(target.digest)
    assert digests[0] == digests[1]


def test_a_stopped_reading_goes_on_at_the_next_item(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[ReadTask] = []
    stops = [1, None]

    def faltering(task: ReadTask, **told: Any) -> Iterator[Piece]:
        if len(done) == stops[0]:
            raise KeyboardInterrupt
        yield from read_task(task, **told)
        done.append(task)

    undisturbed = read(folder, limits=read_limits(shard_bytes=4000))
    monkeypatch.setattr("pipeline.text.reading.read.read_task", faltering)
    with pytest.raises(KeyboardInterrupt):
        read(folder, limits=read_limits(shard_bytes=4000), scratch=tmp_path)
    stops.pop(0)
    assert same(read(folder, limits=read_limits(shard_bytes=4000), scratch=tmp_path), undisturbed)
    assert len(done) == len(set(done)) > 3, "no task was read twice"


LONGEST = {"drop": 1 << 24, "truncate": 1 << 22}  # bytes; what is truncated is held, as text and as a table, several times
MEASURE = """
import resource, sys
from pathlib import Path
from typing import Any
from tests.text.reading_tools import read, read_limits
base, longest, policy = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
(base / "warm").mkdir()
(base / "warm" / "a.jsonl").write_text('{"text": "warm"}')
(base / "warm" / "b.txt").write_text("warm")
read(base / "warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read(base / "input", limits=read_limits(max_document_bytes=longest, shard_bytes=1 << 25, too_long=policy))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, len(found.texts), *found.reasons)
"""


def test_a_large_file_of_many_documents_costs_no_more_than_a_few_shards(tmp_path: Path, root: Path) -> None:
    with gzip.open(tmp_path / "a.txt.gz", "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b"words and " * 100_000 + b"\n<|endoftext|>\n")
    kilobytes, count = growth_of_reading(tmp_path / "a.txt.gz", root, counts="documents", shard_bytes=1 << 23)
    assert count == 192
    assert kilobytes < 50_000


@pytest.mark.parametrize(("kind", "policy"), [("jsonl", "drop"), ("jsonl", "truncate"), ("txt", "truncate")])
def test_a_line_of_200_megabytes_costs_less_than_100(tmp_path: Path, kind: str, policy: str, root: Path) -> None:
    (tmp_path / "input").mkdir()
    with (tmp_path / "input" / f"a.{kind}").open("wb") as file:
        file.write(b'{"text": "' if kind != "txt" else b"a text ")
        for _ in range(200):
            file.write(b"words and " * 100_000)
        file.write(b'"}\n{"text": "after"}' if kind != "txt" else b"")
    (tmp_path / "input" / "b.txt").write_text("good")
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), str(LONGEST[policy]), policy], capture_output=True, text=True, cwd=root, check=True
    )
    kilobytes, count, *reasons = ran.stdout.split()
    assert (int(count), reasons) == {
        ("jsonl", "drop"): (2, ["line_too_long"]),
        ("jsonl", "truncate"): (3, []),
        ("txt", "truncate"): (2, []),
    }[kind, policy]
    assert int(kilobytes) < 100_000
