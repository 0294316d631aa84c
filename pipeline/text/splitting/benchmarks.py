"""Benchmark items, which no training document may repeat: from the files of a folder, one benchmark each, and from the corpus itself.

A generated corpus has its own benchmarks in world.json, as {"benchmarks": {name: [item, ...]}}.
"""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.dialogues import Dialogues
from pipeline.core.artifact.split import PARTS
from pipeline.core.errors import InputError
from pipeline.core.files import read_json
from pipeline.text.splitting.prompts import DIALOGUES, eval_questions

COMPRESSED = (".gz", ".bz2", ".zst")
SUFFIXES = (".jsonl", ".json", ".txt", ".lst", ".csv", ".parquet")  # .lst: labels beside a file, as piqa's
ALL_FIELDS = "split.benchmark_fields={}, which takes all; or correct it"
Fields = Mapping[str, Sequence[str]]  # field names by benchmark or by a folder above it


def eval_items(dialogues: Dialogues, corpus: Corpus, benchmarks: Path, fields: Fields) -> dict[str, Sequence[str]]:
    """Evaluation items by name: the test questions of the dialogues first, then each benchmark."""
    return {DIALOGUES: eval_questions(dialogues), **benchmark_items(corpus, benchmarks, fields)}


def benchmark_items(corpus: Corpus, benchmarks: Path, fields: Fields) -> dict[str, Sequence[str]]:
    """The items of each benchmark: the corpus's own, then the files."""
    own: Mapping[str, Sequence[str]] = read_json(corpus.file("world.json")).get("benchmarks", {}) if corpus.has("world.json") else {}
    items = read_benchmarks(benchmarks, fields)
    if taken := sorted({DIALOGUES, *PARTS, *own} & items.keys()):
        raise InputError(
            f"{benchmarks} has a benchmark named {taken[0]}, but this name is taken",
            mend=f"put the file into a folder of the benchmark's own name, as in {benchmarks}/NAME/{taken[0]}.jsonl",
        )
    return {**own, **items}


def read_benchmarks(folder: Path, fields: Fields) -> dict[str, list[str]]:
    """The distinct items of each benchmark, by its path within the folder without suffixes.

    The items of a row are all its strings, including nested ones, or those of the named fields; those of a .csv file its cells; those of a
    .txt or .lst file its paragraphs, or its lines if it has no blank line. An unreadable file or another file type is an InputError: what
    is skipped here would be trained on.
    """
    if not folder.is_dir():
        raise InputError(f"the benchmark folder {folder} does not exist", mend=f"mkdir {folder}, or split.benchmarks=FOLDER")
    items: dict[str, dict[str, None]] = {}
    for path in benchmark_files(folder):
        name, texts = items_of(path, folder, fields)
        items.setdefault(name, {}).update(texts)
    if unused := [key for key in fields if not any(_within(name, key) for name in items)]:
        raise InputError(
            f"split.benchmark_fields names {', '.join(unused)}, but {folder} has {', '.join(items) or 'no file'}",
            mend=ALL_FIELDS,
        )
    return {name: list(texts) for name, texts in items.items()}


def benchmark_files(folder: Path) -> list[Path]:
    """The files of a folder of benchmarks, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def items_of(path: Path, folder: Path, fields: Fields) -> tuple[str, dict[str, None]]:
    """The name of a file's benchmark, and its distinct items. InputError as read_benchmarks."""
    name, kind = _name(path.relative_to(folder))
    if kind not in SUFFIXES:
        raise InputError(
            f"{path} can't be read as a benchmark: only {' '.join(SUFFIXES)} files are, each also {' '.join(COMPRESSED)}",
            mend=f"convert it, or mv {shlex.quote(str(path))} elsewhere: what is skipped here would be trained on",
        )
    chosen = _chosen(name, fields)
    return name, dict.fromkeys(text for row in _rows(path, kind) for text in _strings(_only(row, chosen, path)))


def _name(path: Path) -> tuple[str, str]:
    """The name of a benchmark, and its file type."""
    bare = path.with_suffix("") if path.suffix in COMPRESSED else path
    return bare.with_suffix("").as_posix().replace(",", "_"), bare.suffix  # commas separate names in the table `cut`


def _chosen(name: str, fields: Fields) -> Sequence[str]:
    """The fields of the longest matching key; empty: all."""
    keys = [key for key in fields if _within(name, key)]
    return fields[max(keys, key=len)] if keys else ()


def _within(name: str, key: str) -> bool:
    return name == key or name.startswith(f"{key}/")


def _rows(path: Path, kind: str) -> Iterator[Any]:
    try:
        if kind == ".parquet":
            yield from pq.read_table(path).to_pylist()
            return
        with pa.input_stream(path, compression="detect") as file:
            text = bytes(file.read()).decode("utf-8-sig")
    except (OSError, ValueError, pa.ArrowException) as fault:
        raise InputError(f"the benchmark {path} can't be read: {fault}", mend="save it as UTF-8, or remove it from the folder") from fault
    if kind in (".txt", ".lst"):
        text = text.replace("\r\n", "\n")
        yield from text.strip().split("\n\n" if "\n\n" in text.strip() else "\n")
    elif kind == ".csv":
        yield from csv.reader(io.StringIO(text))
    elif kind == ".json" and (value := _whole(text)) is not None:
        yield from value if isinstance(value, list) else [value]
    else:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield _loads(line, path, number)


def _whole(text: str) -> Any:
    """The value of a .json; None where it is none, but perhaps one a line."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _loads(text: str, path: Path, line: int) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise InputError(f"{path}:{line} is not JSON: {fault}", mend="correct the line, or remove the file from the folder") from fault


def _only(row: Any, chosen: Sequence[str], path: Path) -> Any:
    """The chosen fields of a row."""
    if not chosen:
        return row
    if not isinstance(row, dict) or not (there := [name for name in chosen if name in row]):
        known = ", ".join(row) if isinstance(row, dict) else f"no fields but {type(row).__name__}"
        raise InputError(
            f"a row of {path} has none of {', '.join(chosen)}: it has {known}",
            mend=ALL_FIELDS,
        )
    return [row[name] for name in there]


def _strings(value: Any) -> Iterator[str]:
    """All strings within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
