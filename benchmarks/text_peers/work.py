"""What a peer is given on its command line, and what it answers: one line of JSON."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FEW = 20  # documents that are worked on before the clock starts
SAMPLE = 8e6  # bytes that a slow peer is measured on


def folders() -> tuple[Path, Path]:
    """Of the documents, and to write into."""
    documents, target = map(Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    return documents, target


def tables(documents: Path) -> Iterator[pa.Table]:
    """id and text, file by file."""
    for path in sorted(documents.glob("*.parquet")):
        yield pq.read_table(path, columns=["id", "text"])


def sample(documents: Path) -> list[str]:
    """The first documents."""
    texts, size = [], 0
    for table in tables(documents):
        for text in table["text"].to_pylist():
            if size < SAMPLE:
                texts.append(text)
                size += len(text.encode())
    return texts


def lines() -> tuple[Path, Path]:
    """The JSONL file to read, and one with its first lines, for what is imported on demand."""
    path, target = map(Path, sys.argv[1:3])
    few = target / "few.jsonl"
    with path.open("rb") as file:
        few.write_bytes(b"".join(islice(file, FEW)))
    return path, few


def report(size: int, cpu_seconds: float, **more: Any) -> None:
    """Bytes read, and the CPU seconds of this process that it took, without start and imports."""
    print(json.dumps({"bytes": size, "cpu_seconds": cpu_seconds, **more}))
