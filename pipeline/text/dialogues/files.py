"""Read instructions and preferences from .jsonl and .json files (also .gz) in the usual formats."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from pipeline.core.errors import InputError
from pipeline.core.seed import seed_of
from pipeline.text.dialogues.formats import UNKNOWN, FormatError, Instruction, Preference, dialogues_in
from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.rows import (
    GZIP_FAULTS,
    MAX_FILE,
    BadRow,
    JsonRow,
    bad_file,
    check_bad_fraction,
    find_files,
    format_suffix,
    json_lines,
    loads,
    open_decompressed,
)

SUFFIXES = (".jsonl", ".json")
HELD_OUT = 0.1  # share of the prompts not trained on

Rows = list[dict[str, Any]]


def read_dialogues(path: Path, *, max_bad_fraction: float, seed: int) -> tuple[Rows, Rows, Rows]:
    """Instructions, preferences and quarantined rows, in the order of the file names.

    The format of a row is recognised by its columns. Rows with the same prompt are in the same part: val for instructions and test
    for preferences hold HELD_OUT of the prompts, at least one. The length of answers is not checked here, that needs a tokenizer.
    Raises InputError if the path is missing, nothing can be read, no row has a known format, or too many rows are bad.
    """
    instructions: Rows = []
    preferences: Rows = []
    bad: list[BadRow] = []
    columns: set[str] = set()
    for file, name in find_files(path, SUFFIXES, key="dialogues.path"):
        for row in _rows(file, name):
            if isinstance(row, BadRow):
                bad.append(row)
                continue
            columns.update(row.value)
            _append(row, instructions, preferences, bad)
    good = len(instructions) + len(preferences)
    if not good and bad and all(row.reason == UNKNOWN for row in bad):
        raise InputError(
            f"{path} has no dialogue in a known format; the columns are {', '.join(sorted(columns))}",
            mend="name them messages; or prompt and response; or prompt, chosen and rejected",
        )
    check_bad_fraction(good, bad, max_bad_fraction=max_bad_fraction, key="dialogues.max_bad_fraction")
    if not good:
        raise InputError(f"{path} has no dialogues", mend="dialogues.path=FOLDER with instructions or preferences in it")
    _assign_parts(instructions, lambda row: row["messages"][:-1], held_out="val", seed=seed)
    _assign_parts(preferences, lambda row: row["prompt"], held_out="test", seed=seed)
    return instructions, preferences, [row.as_dict() for row in bad]


def _append(row: JsonRow, instructions: Rows, preferences: Rows, bad: list[BadRow]) -> None:
    """Append the dialogues of a row; it may hold several (instances of one instruction)."""
    kind = Path(row.file).name.split(".")[0]
    try:
        for turn, dialogue in enumerate(dialogues_in(row.value)):
            source = f"{row.file}:{row.line}:{turn}"
            identity = hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
            match dialogue:
                case Instruction(messages=messages):
                    instructions.append({"id": identity, "part": "train", "fact": None, "messages": messages})
                case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
                    answers = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
                    preferences.append({"id": identity, "part": "train", "fact": None, "kind": kind, **answers})
                case FormatError() as fault:
                    bad.append(row.bad(fault.reason))
    except FormatError as fault:
        bad.append(row.bad(fault.reason))


def _assign_parts(rows: Rows, prompt_of: Callable[[dict[str, Any]], Any], *, held_out: str, seed: int) -> None:
    """Set the part of each row by a hash of its prompt, so that no prompt is in both parts."""
    places = [seed_of(seed, "dialogue part", orjson.dumps(prompt_of(row)).decode()) / 2**63 for row in rows]
    if len(set(places)) < 2:  # a single prompt is not held out
        return
    limit = max(HELD_OUT, min(places))
    for row, place in zip(rows, places, strict=True):
        row["part"] = held_out if place <= limit else "train"


def _rows(path: Path, name: str) -> Iterator[JsonRow | BadRow]:
    yield from json_lines(path, name) if format_suffix(path) == ".jsonl" else _json_array(path, name)


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
