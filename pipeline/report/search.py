"""Which document is meant: by its id, the beginning of its id, its origin, or a piece; or a row that never became one."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.errors import ArtifactError, InputError
from pipeline.report.stage_files import Row, StageFiles, Where

PIECE = r"(#(val|test))?(#[0-9]+)?(\*[0-9]+)?"  # what may follow a document's id in the split: a span, a piece, a further time
_PIECE = re.compile(f"(?P<id>.+?)(?P<piece>{PIECE})")
_LISTED = 5  # near matches in an error
_COMPARED = 20_000  # documents whose names are compared letter by letter


@dataclass(frozen=True)
class Found:
    """A document of the corpus, and the piece of it that was asked for."""

    id: str
    piece: str | None  # as the split has them: ID#3, and ID#3*2 where it is taken a second time


def find_document(corpus: StageFiles, asked: str) -> Found | None:
    """The document that is meant; None where there is none. InputError where several are, with some of them."""
    if corpus.manifest is None:
        raise ArtifactError(f"{corpus.folder} is not there, so nothing was read yet", mend=".venv/bin/dvc repro corpus")
    if not corpus.names("documents"):
        raise ArtifactError(f"{corpus.folder} has no documents", mend=".venv/bin/dvc repro corpus")
    if (identity := _named(corpus, asked)) is not None:
        return Found(identity, None)
    if (piece := _PIECE.fullmatch(asked)) and piece["piece"] and (identity := _named(corpus, piece["id"])) is not None:
        return Found(identity, identity + piece["piece"])
    return None


def quarantined(corpus: StageFiles, asked: str) -> list[Row]:
    """The rows in quarantine that stand at FILE:LINE, or anywhere in FILE."""
    return [row for row in _quarantine(corpus) if asked in (_place(row), row["file"])]


def near_matches(corpus: StageFiles, asked: str) -> list[str]:
    """Ids, origins and places in quarantine that look like what was asked for, the likeliest first."""
    inside: list[str] = []
    names: list[str] = []
    for table in corpus.shards("documents", ["id", "origin"]):
        for column in ("id", "origin"):
            if len(names) < 2 * _COMPARED:
                names += table[column][:_COMPARED].to_pylist()
            if len(inside) < _LISTED:
                inside += table.filter(pc.match_substring(table[column], asked, ignore_case=True))[column][:_LISTED].to_pylist()
    places = [_place(row) for row in _quarantine(corpus)][:_COMPARED]
    alike = difflib.get_close_matches(asked, dict.fromkeys([*names, *places]), n=_LISTED)
    return list(dict.fromkeys([*alike, *inside]))[:_LISTED]


def _named(corpus: StageFiles, name: str) -> str | None:
    """The id of the one document of this id, or of this origin, or whose id begins so."""
    same = [place.row for place in corpus.find("documents", ["id", "origin"], _called(name), ["id", "origin"])]
    for key in ("id", "origin"):
        if hits := [row["id"] for row in same if row[key] == name]:
            return _only(hits, f"{name} is the origin of")
    begins = pa.concat_arrays([_starting(table["id"], name) for table in corpus.shards("documents", ["id"])])
    return _only(begins.to_pylist(), f"{name} is the beginning of") if len(begins) else None


def _called(name: str) -> Where:
    return lambda table: pc.or_(pc.equal(table["id"], name), pc.equal(table["origin"], name))


def _starting(ids: pa.ChunkedArray, name: str) -> pa.Array:
    return ids.filter(pc.starts_with(ids, name)).combine_chunks()


def _only(ids: Sequence[str], what: str) -> str:
    if len(ids) > 1:
        more = " …" * (len(ids) > _LISTED)
        raise InputError(f"{what} {len(ids)} documents: {', '.join(ids[:_LISTED])}{more}", mend="give one of their ids in full")
    return ids[0]


def _quarantine(corpus: StageFiles) -> Iterator[Row]:
    try:
        lines = corpus.bytes("quarantine.jsonl").splitlines()
    except FileNotFoundError:
        return
    yield from map(orjson.loads, lines)


def _place(row: Row) -> str:
    return str(row["file"]) if row.get("line") is None else f"{row['file']}:{row['line']}"
