"""The rows of a file or of a data set of the hub as objects, whatever the format; bad ones with their place."""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.core.bounds import Name
from pipeline.core.errors import InputError
from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.first_row import delimiter_of
from pipeline.text.reading.rows import GZIP_FAULTS, MAX_FILE, BadRow, JsonRow, bad_file, format_suffix, json_lines, loads, open_decompressed
from pipeline.text.reading.seekable import seekable
from pipeline.text.reading.sources import HUB
from pipeline.text.reading.table_rows import open_hub

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
_BATCH = 256  # rows of a table held at a time
_FAULTS = (*GZIP_FAULTS, OSError, pa.ArrowException, UnicodeDecodeError)
_COMMIT = re.compile(r"[0-9a-f]{40}")

Rows = Iterator[JsonRow | BadRow]


@dataclass(frozen=True, kw_only=True)
class HubData:
    """A pinned data set of the Hugging Face hub."""

    path: Annotated[str, Field(pattern=r"^hub:[^/]+/.+$")]  # hub:owner/name
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]  # the 40 hex digits of a commit
    split: Name
    subset: str | None


def rows_of(path: Path, name: str) -> Rows:
    """The rows of a file; `name` is what they are called by."""
    match format_suffix(path):
        case ".jsonl":
            return json_lines(path, name)
        case ".json":
            return _json_array(path, name)
        case ".parquet":
            return _parquet(path, name)
        case _:
            return _csv(path, name)


def hub_rows(data: HubData, *, key: str) -> Rows:
    """The rows of a data set of the hub, by their number. InputError, which begins with the setting `key`, where it is not pinned or can't
    be read."""
    if not data.path.startswith(HUB) or not _COMMIT.fullmatch(data.revision):
        raise InputError(
            f"{key}: {data.path} at {data.revision!r} is not pinned",
            mend="path=hub:owner/name and revision=the 40 hex digits of a commit",
        )
    name = f"{data.path}/{data.split}"
    opened = open_hub(data.path, subset=data.subset, split=data.split, revision=data.revision, told=f"{key}: {data.path}")
    return _numbered(opened, name, key)


def _numbered(opened: Iterable[Mapping[str, Any]], name: str, key: str) -> Rows:
    from datasets.exceptions import DatasetGenerationError

    try:
        for number, value in enumerate(opened, start=1):
            yield _row(value, name, number)
    except (*_FAULTS, DatasetGenerationError) as fault:
        raise InputError(f"{key}: {name} can't be read: {fault}", mend="run again, or correct the data set") from fault


def _row(value: Mapping[str, Any], name: str, number: int) -> JsonRow:
    digest = hashlib.sha256(orjson.dumps(value, default=str)).hexdigest()
    return JsonRow(file=name, line=number, offset=None, sha256=digest, value=dict(value))


def _parquet(path: Path, name: str) -> Rows:
    """The rows of a table, by their number; after a damaged page no more."""
    try:
        with seekable(str(path)) as file:
            number = 0
            for batch in pq.ParquetFile(file, page_checksum_verification=True).iter_batches(batch_size=_BATCH, use_threads=False):
                for value in batch.to_pylist():
                    number += 1
                    yield _row(value, name, number)
    except _FAULTS:
        yield bad_file(name, "damaged", path.read_bytes())


def _csv(path: Path, name: str) -> Rows:
    """The rows below a header, by the line that they begin at. The delimiter is the one that gives the header most columns."""
    raw = b""
    try:
        with open_decompressed(path) as file:
            raw = file.read(MAX_FILE)
        text = decode(raw)[0]
    except GZIP_FAULTS:
        yield bad_file(name, "damaged_gzip", path.read_bytes())
        return
    except OSError:
        yield bad_file(name, "unreadable", b"")
        return
    except UndecodableError as fault:
        yield bad_file(name, str(fault), raw)
        return
    csv.field_size_limit(MAX_FILE)
    yield from _csv_rows(re.split(r"(?<=\n)|(?<=\r)(?!\n)", text), name)


def _csv_rows(lines: list[str], name: str) -> Rows:
    head = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=delimiter_of(head), strict=True)
    columns: list[str] = []
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield _bad_csv(lines, name, first, reader.line_num)
            if reader.line_num >= len(lines):  # a quote that is never closed
                return
            continue
        if not any(map(str.strip, row)):
            continue
        if not columns:
            columns = row
        elif len(row) != len(columns):
            yield _bad_csv(lines, name, first, reader.line_num)
        else:
            yield _row({key: _cell(value) for key, value in zip(columns, row, strict=True)}, name, first)


def _bad_csv(lines: list[str], name: str, first: int, last: int) -> BadRow:
    digest = hashlib.sha256("".join(lines[first - 1 : last]).encode("utf-8", "surrogatepass")).hexdigest()
    return BadRow(file=name, line=first, offset=None, reason="malformed_csv", sha256=digest)


def _cell(text: str) -> Any:
    """A cell: a list of messages where it is one as JSON, else its text."""
    if not text.lstrip().startswith("[{"):
        return text
    try:
        value = loads(text)
    except (ValueError, RecursionError):
        return text
    return (
        value if isinstance(value, list) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in value) else text
    )


def _json_array(path: Path, name: str) -> Rows:
    """The objects of a .json file: an array, or one object a line. `line` counts the objects of an array."""
    try:
        with open_decompressed(path) as file:
            raw = file.read(MAX_FILE)
        value = loads(decode(raw)[0])
    except GZIP_FAULTS:
        yield bad_file(name, "damaged_gzip", path.read_bytes())
    except OSError:
        yield bad_file(name, "unreadable", b"")
    except UndecodableError as fault:
        yield bad_file(name, str(fault), raw)
    except (ValueError, RecursionError):
        yield from json_lines(path, name)
    else:
        for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
            digest = hashlib.sha256(orjson.dumps(item)).hexdigest()
            if isinstance(item, dict):
                yield JsonRow(file=name, line=number, offset=0, sha256=digest, value=item)
            else:
                yield BadRow(file=name, line=number, offset=0, reason="not_an_object", sha256=digest)
