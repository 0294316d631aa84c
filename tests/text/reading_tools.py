"""Sources read into a folder, for the tests of reading."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.parallel import Engine, parallel_map
from pipeline.core.shards import map_shards
from pipeline.text.reading.metadata import MetadataColumns
from pipeline.text.reading.read import ReadResult, read_sources
from pipeline.text.reading.sources import Policy, ReadLimits, Source

POLICY = {
    "undecodable": "replace",
    "too_long": "drop",
    "binary": "drop",
    "wrong_type": "drop",
    "missing_text": "drop",
    "other_columns": "fail",
    "malformed": "drop",
    "damaged": "drop",
}
COMMON = {
    "name": "input",
    "path": ".",
    "format": "auto",
    "column": "text",
    "group": None,
    "weight": 1.0,
    "cap_bytes": None,
    "tags": (),
    "synthetic": False,
    "language": None,
    "revision": None,
    "split": "train",
    "subset": None,
    "encoding": None,
    "delimiter": None,
    "separator": "auto",
    "metadata": MetadataColumns(url=None, date=None, author=None, license=None),
    "license": None,
}


@dataclass
class Outcome:
    """What was read."""

    reading: ReadResult
    documents: pa.Table
    notices: list[str]  # what a person was told
    bad: list[dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        return self.documents["text"].to_pylist()

    @property
    def origins(self) -> list[str]:
        return self.documents["origin"].to_pylist()

    @property
    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.bad]

    @property
    def metrics(self) -> dict[str, Any]:
        return self.reading.metrics


def source(**settings: Any) -> Source:
    return Source(**{**COMMON, **settings})


def read_limits(
    *,
    shard_bytes: int = 1 << 20,
    max_document_bytes: int = 1 << 20,
    max_chunk_bytes: int | None = None,
    max_bad_fraction: float = 1.0,
    **policy: str,
) -> ReadLimits:
    return ReadLimits(
        shard_bytes=shard_bytes,
        max_document_bytes=max_document_bytes,
        max_chunk_bytes=max_chunk_bytes or max_document_bytes // 3,
        max_bad_fraction=max_bad_fraction,
        policy=Policy(**{**POLICY, **policy}),
    )


def read(
    base: Path,
    *sources: Source,
    scratch: Path | None = None,
    engine: Engine = "threading",
    workers: int = 1,
    limits: ReadLimits | None = None,
) -> Outcome:
    """All sources under the folder (one with everything, if none is given)."""
    scratch = scratch or Path(tempfile.mkdtemp(dir=base.parent))

    def run_shards(phase: str, function: Any, items: Any) -> Any:
        return map_shards(
            function, items, folder=scratch / phase, run_map=lambda each, some: parallel_map(each, some, engine=engine, workers=workers)
        )

    notices: list[str] = []
    reading = read_sources(
        sources or (source(),), base, limits or read_limits(), run_shards=run_shards, scratch=scratch, tell=notices.append
    )
    bad = [json.loads(line) for line in Path(reading.quarantine).read_text().splitlines()]
    return Outcome(reading, reading.work.table("documents"), notices, bad)


def write_rows(path: Path, *lines: object) -> None:
    """A .jsonl file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))


_GROWTH = """
import json, resource, sys
from pipeline.text.reading.readers import read_task
from pipeline.text.reading.sources import File, FileRange, ReadTask
from tests.text.reading_tools import read_limits, source
path, counts, limits = sys.argv[1:]
part = FileRange(File(path, "a.txt.gz", 0, "txt"), 0, None, 0)
pieces = read_task(ReadTask(source(), (part,)), read_limits(**json.loads(limits)), ())
next(pieces)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(piece.counts[counts] for piece in pieces)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, count)
"""


def growth_of_reading(path: Path, root: Path, *, counts: str, **limits: Any) -> tuple[int, int]:
    """By how many kilobytes a process of its own grows after the first piece of a packed .txt, and what it counts in the others."""
    command = [sys.executable, "-c", _GROWTH, str(path), counts, json.dumps(limits)]
    kilobytes, count = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True).stdout.split()
    return int(kilobytes), int(count)
