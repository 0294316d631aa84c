"""Read instructions and preferences from .jsonl and .json files (each also .gz) in the shapes that are usual."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from pipeline.core.errors import InputError
from pipeline.core.seed import seed_of
from pipeline.text.reading.encoding import UndecodableError, decode
from pipeline.text.reading.rows import (
    GZIP_FAULTS,
    MAX_FILE,
    Bad,
    Row,
    check_share,
    find_files,
    json_lines,
    kind_of,
    loads,
    unpacked,
    whole_file_bad,
)
from pipeline.text.talk.shapes import UNKNOWN, Instruction, Preference, ShapeError, shapes_of

SUFFIXES = (".jsonl", ".json")
HELD_OUT = 0.1  # share of the prompts that are not trained on

Rows = list[dict[str, Any]]


def read_dialogues(path: Path, *, max_bad_fraction: float, seed: int) -> tuple[Rows, Rows, Rows]:
    """The instructions, the preferences and the rows of the quarantine, in the order of the file names.

    Each row's shape is recognised by its columns. Rows with one prompt always fall in one part: val for instructions and test
    for preferences hold HELD_OUT of the prompts, one at least. An answer's length is not judged here: that needs a tokenizer.
    Raises InputError when the path is missing, nothing can be read, all rows are of unknown shape, or too many rows are bad.
    """
    instructions: Rows = []
    preferences: Rows = []
    bad: list[Bad] = []
    columns: set[str] = set()
    for file, name in find_files(path, SUFFIXES, key="dialogues.path"):
        for row in _rows(file, name):
            if isinstance(row, Bad):
                bad.append(row)
                continue
            columns.update(row.value)
            _sort(row, instructions, preferences, bad)
    good = len(instructions) + len(preferences)
    if not good and bad and all(row.reason == UNKNOWN for row in bad):
        raise InputError(
            f"{path} holds no dialogue that is recognised; the columns are {', '.join(sorted(columns))}",
            mend="name them messages; or prompt and response; or prompt, chosen and rejected",
        )
    check_share(good, bad, max_bad_fraction=max_bad_fraction, key="dialogues.max_bad_fraction")
    if not good:
        raise InputError(f"{path} holds no dialogue", mend="dialogues.path=FOLDER with instructions or preferences in it")
    _deal(instructions, lambda row: row["messages"][:-1], held="val", seed=seed)
    _deal(preferences, lambda row: row["prompt"], held="test", seed=seed)
    return instructions, preferences, [row.row() for row in bad]


def _sort(row: Row, instructions: Rows, preferences: Rows, bad: list[Bad]) -> None:
    """Append the row's dialogues to where they belong; a row may hold several (instances of one instruction)."""
    kind = Path(row.file).name.split(".")[0]
    try:
        for turn, dialogue in enumerate(shapes_of(row.value)):
            source = f"{row.file}:{row.line}:{turn}"
            identity = hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
            match dialogue:
                case Instruction(messages=messages):
                    instructions.append({"id": identity, "part": "train", "fact": None, "messages": messages})
                case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
                    answers = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
                    preferences.append({"id": identity, "part": "train", "fact": None, "kind": kind, **answers})
                case ShapeError() as fault:
                    bad.append(row.bad(fault.reason))
    except ShapeError as fault:
        bad.append(row.bad(fault.reason))


def _deal(rows: Rows, prompt_of: Callable[[dict[str, Any]], Any], *, held: str, seed: int) -> None:
    """Name the part of each row by a hash of its prompt, so that no prompt is in both parts."""
    places = [seed_of(seed, "dialogue part", orjson.dumps(prompt_of(row)).decode()) / 2**63 for row in rows]
    if len(set(places)) < 2:  # nothing can be held out of one prompt
        return
    limit = max(HELD_OUT, min(places))
    for row, place in zip(rows, places, strict=True):
        row["part"] = held if place <= limit else "train"


def _rows(path: Path, name: str) -> Iterator[Row | Bad]:
    yield from json_lines(path, name) if kind_of(path) == ".jsonl" else _json_array(path, name)


def _json_array(path: Path, name: str) -> Iterator[Row | Bad]:
    """The objects of a .json file: an array, or one object a line. `line` counts the objects of an array."""
    try:
        with unpacked(path) as file:
            raw = file.read(MAX_FILE)
        value = loads(decode(raw)[0])
    except GZIP_FAULTS:
        yield whole_file_bad(name, "damaged_gzip", path.read_bytes())
    except OSError:
        yield whole_file_bad(name, "unreadable", b"")
    except UndecodableError as fault:
        yield whole_file_bad(name, str(fault), raw)
    except (ValueError, RecursionError):
        yield from json_lines(path, name)
    else:
        for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
            digest = hashlib.sha256(orjson.dumps(item)).hexdigest()
            if isinstance(item, dict):
                yield Row(file=name, line=number, offset=0, sha256=digest, value=item)
            else:
                yield Bad(file=name, line=number, offset=0, reason="not_an_object", sha256=digest)
