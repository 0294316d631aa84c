"""The columns of a file of rows, by its first row: what tells dialogues from documents that lie in one folder."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.rows import DamagedError, open_decompressed
from pipeline.text.reading.seekable import seekable

HEAD = 1 << 16  # bytes that are looked at
_DELIMITERS = ",;\t"
_FAULTS = (OSError, DamagedError, UndecodableError, ValueError, RecursionError, csv.Error, pa.ArrowException)


def columns_of(address: str, kind: str) -> frozenset[str]:
    """The columns of the first row of a .jsonl, .json, .csv or .parquet that can be read; none where there is no such row: its reader says
    why."""
    try:
        if kind == "parquet":
            with seekable(address) as file:
                return frozenset(pq.read_schema(file).names)
        with open_decompressed(address) as file:
            text = decode(file.read(HEAD))[0].lstrip()
        if kind == "csv":
            head = text.partition("\n")[0]
            return frozenset(next(csv.reader([head], delimiter=delimiter_of(head)), ()))
        if kind == "jsonl":
            return next(filter(None, map(_keys, text.splitlines())), frozenset())
        return _keys(text.removeprefix("[").lstrip())
    except _FAULTS:
        return frozenset()


def _keys(text: str) -> frozenset[str]:
    """The keys of the JSON object that a text begins with; none where it begins with none."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(value) if isinstance(value, dict) else frozenset()


def delimiter_of(head: str) -> str:
    """The delimiter that gives the header of a .csv or .tsv most columns."""
    return max(_DELIMITERS, key=head.count)
