"""Read a folder of .txt, .md and .jsonl files (each also .gz) as documents."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.artifact.corpus import DOCUMENTS
from pipeline.core.errors import InputError
from pipeline.text.encoding import UndecodableError, decode, mend_surrogates
from pipeline.text.rows import GZIP_FAULTS, MAX_FILE, Bad, Row, check_share, find_files, json_lines, kind_of, unpacked, whole_file_bad

SUFFIXES = (".txt", ".md", ".jsonl")
COLUMN = "text"  # of .jsonl rows
_log = logging.getLogger(__name__)

Document = tuple[str, str, str]  # id, source, text


def read_folder(path: Path, *, max_bad_fraction: float) -> tuple[pa.Table, list[dict[str, Any]]]:
    """All documents under the folder in the order of their file names, and the rows of the quarantine.

    A .txt or .md file is one document, a .jsonl row another. `id` hashes the relative path and the row, so it stays when files are added;
    `source` is the relative path, with `:line` for rows; `bits` is null.
    Raises InputError when the path is missing, nothing can be read, a file of weight lacks the column, or too many rows are bad.
    """
    documents: list[Document] = []
    bad: list[Bad] = []
    files = find_files(path, SUFFIXES, key="corpus.path")
    strangers: dict[str, set[str]] = {}
    for file, name in files:
        if kind_of(file) != ".jsonl":
            items: list[Document | Bad] = list(_read_text(file, name))
        else:
            items, columns = _read_rows(file, name)
            if columns:
                strangers[name] = columns
        documents += [item for item in items if not isinstance(item, Bad)]
        bad += [item for item in items if isinstance(item, Bad)]
    _check_strangers(files, strangers, max_bad_fraction=max_bad_fraction)
    check_share(
        len(documents), [row for row in bad if row.file not in strangers], max_bad_fraction=max_bad_fraction, key="corpus.max_bad_fraction"
    )
    if not documents:
        raise InputError(f"{path} holds no text", mend="corpus.path=FOLDER with documents in it")
    ids, sources, texts = zip(*documents, strict=True)
    table = pa.table([pa.array(ids), pa.array(sources), pa.array(texts), pa.nulls(len(ids), pa.float64())], schema=DOCUMENTS)
    return table, [row.row() for row in bad]


def document_id(source: str) -> str:
    """16 hex digits that depend on the relative path and row alone."""
    return hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _read_text(path: Path, name: str) -> Iterator[Document | Bad]:
    """The file as one document, or as one bad row."""
    try:
        with unpacked(path) as file:
            raw = file.read(MAX_FILE)
        if len(raw) == MAX_FILE:
            yield whole_file_bad(name, "file_too_long", raw)
            return
        text, encoding = decode(raw)
    except GZIP_FAULTS:
        yield whole_file_bad(name, "damaged_gzip", path.read_bytes())
    except UndecodableError as fault:
        yield whole_file_bad(name, str(fault), raw)
    except OSError:
        yield whole_file_bad(name, "unreadable", b"")
    else:
        if encoding != "utf-8":
            _log.info("%s is read as %s", name, encoding)
        if text.strip():
            yield document_id(name), mend_surrogates(name), text
        else:
            yield whole_file_bad(name, "empty_text", raw)


def _read_rows(path: Path, name: str) -> tuple[list[Document | Bad], set[str]]:
    """The rows of a .jsonl file, and the columns it has if it has rows and none has the column that is read."""
    columns: set[str] = set()
    items: list[Document | Bad] = []
    for row in json_lines(path, name):
        if isinstance(row, Row):
            columns.update(row.value)
            items.append(_document(row))
        else:
            items.append(row)
    return items, set() if COLUMN in columns else columns


def _check_strangers(files: list[tuple[Path, str]], strangers: dict[str, set[str]], *, max_bad_fraction: float) -> None:
    """An index beside the texts may lack the column and goes to the quarantine; a file that weighs more may not."""
    for name, columns in sorted(strangers.items()):
        _log.warning("%s has no column %r and is not read; its columns are %s", name, COLUMN, ", ".join(sorted(columns)))
    sizes = {name: file.stat().st_size for file, name in files}
    if sum(sizes[name] for name in strangers) > max_bad_fraction * sum(sizes.values()):
        leader = max(sorted(strangers), key=lambda name: sizes[name])
        raise InputError(
            f"{leader} has no column {COLUMN!r}; its columns are {', '.join(sorted(strangers[leader]))}",
            mend=f"rename the column that holds the documents to {COLUMN!r}",
        )


def _document(row: Row) -> Document | Bad:
    if COLUMN not in row.value:
        return row.bad("missing_column")
    text = row.value[COLUMN]
    if text is None:
        return row.bad("null_text")
    if not isinstance(text, str):
        return row.bad("wrong_type")
    if not text.strip():
        return row.bad("empty_text")
    source = f"{row.file}:{row.line}"
    return document_id(source), mend_surrogates(source), text
