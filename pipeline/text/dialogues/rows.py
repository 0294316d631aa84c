"""The rows of a file as objects, whatever its format; bad ones with their place."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.rows import GZIP_FAULTS, MAX_FILE, BadRow, JsonRow, bad_file, format_suffix, json_lines, loads, open_decompressed

SUFFIXES = (".jsonl", ".json")


def rows_of(path: Path, name: str) -> Iterator[JsonRow | BadRow]:
    """The rows of a file; `name` is what they are called by."""
    return json_lines(path, name) if format_suffix(path) == ".jsonl" else _json_array(path, name)


def _json_array(path: Path, name: str) -> Iterator[JsonRow | BadRow]:
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
