"""Checks of what was read, the quarantine, and the metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.artifact.tables import read_table
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.core.shards import Work
from pipeline.text.reading.caps import CappedRead
from pipeline.text.reading.rows import check_bad_counts
from pipeline.text.reading.sources import File, Source

_KEY = "corpus.max_bad_fraction"


def check_result(sources: Sequence[Source], found: Sequence[Sequence[File]], capped: CappedRead, max_bad_fraction: float) -> None:
    """Raise InputError if too much is bad, a source yields nothing, no document has a group, or two documents share an id."""
    sizes = {_label(sources, source.name, file.name): file.size for source, files in zip(sources, found, strict=True) for file in files}
    without_column = _files_without_column(sources, capped.read)
    mend = "corpus.sources: set the column with the documents (for .csv also the delimiter), or exclude the file by a glob"
    _check_unusable_bytes(without_column, sizes, max_bad_fraction, mend)
    bad = _bad_counts(sources, capped.read)
    damaged = {file: ["damaged"] for file, reasons in bad.items() if "damaged" in reasons}
    _check_unusable_bytes(damaged, sizes, max_bad_fraction, "replace the file by an intact one, or exclude it")
    good = sum(counts["documents"] for counts in capped.read.counts)
    check_bad_counts(
        good, {file: reasons for file, reasons in bad.items() if file not in without_column}, max_bad_fraction=max_bad_fraction, key=_KEY
    )
    by_source = capped.kept.total.get("sources", {})
    for source in sources:
        if not by_source.get(source.name, {}).get("documents"):
            if capped.capped[source.name]:
                raise InputError(
                    f"source {source.name!r}: the first document is longer than cap_bytes={source.cap_bytes}, so none is kept",
                    mend=f"corpus.sources: a greater cap_bytes of {source.name!r}, or null",
                )
            raise InputError(
                f"source {source.name!r} has no documents", mend="corpus.path=FOLDER with documents in it, or remove the source"
            )
        if source.group and not by_source[source.name]["grouped"]:
            raise InputError(
                f"source {source.name!r} has group={source.group}, but no document of it has one",
                mend="name an existing column, or null",
            )
    check_ids(capped.kept)


def check_ids(work: Work) -> None:
    """Raise InputError if two documents share an id. Holds 16 bytes a document."""
    if not work.pieces:
        return
    columns = [read_table(path, ["id"])["id"].combine_chunks().cast("large_string") for path in work.paths("documents")]
    ids = np.sort(np.concatenate([np.array(column.to_numpy(zero_copy_only=False), "S16") for column in columns]))
    twice = ids[1:][ids[1:] == ids[:-1]]
    if not twice.size:
        return
    wanted = twice[0].decode()
    rows = [
        row for path in work.paths("documents") for row in read_table(path, ["id", "source", "origin"]).to_pylist() if row["id"] == wanted
    ]
    places = " and ".join(f"{row['origin']} of {row['source']}" for row in rows)
    raise InputError(f"two documents have the same id {wanted}: {places}", mend="rename one of the files or sources")


def write_quarantine(work: Work, path: Path) -> Path:
    """Write quarantine.jsonl: the bad rows of all pieces, in order."""
    pieces = [piece for piece, counts in zip(work.pieces, work.counts, strict=True) if counts["quarantined"]]
    write_jsonl(path, (row for piece in pieces for row in read_table(piece / "bad.parquet").to_pylist()))
    return path


def source_summary(sources: Sequence[Source], work: Work) -> dict[str, dict[str, Any]]:
    """sources.json: settings and sizes of each source."""
    by_source = work.total.get("sources", {})
    return {
        source.name: {
            "weight": source.weight,
            "tags": list(source.tags),
            "synthetic": source.synthetic,
            "language": source.language,
            "documents": by_source.get(source.name, {}).get("documents", 0),
            "bytes": by_source.get(source.name, {}).get("bytes", 0),
        }
        for source in sources
    }


def read_metrics(sources: Sequence[Source], capped: CappedRead, ignored: Mapping[str, int]) -> dict[str, Any]:
    """The metrics: documents by source, and everything that is no document."""
    read, kept = capped.read.total, capped.kept.total
    size = kept.get("bytes", 0)
    mixture = {
        source.name: {
            "documents": kept["sources"][source.name]["documents"],
            "bytes": kept["sources"][source.name]["bytes"],
            "share": round(kept["sources"][source.name]["bytes"] / size, 6),
            "quarantined": read["sources"][source.name]["quarantined"],
            "capped": capped.capped[source.name],
            "unread_bytes": capped.unread[source.name],
        }
        for source in sources
    }
    names = ("files", "encodings", "mended", "passed_over", "separators", "special_tokens", "read_as", "quarantine")
    counts = {name: {key: read[name][key] for key in sorted(read[name])} for name in names}
    return {
        "documents": kept["documents"],
        "bytes": size,
        "source_bits": None,
        "sources": mixture,
        "quarantined": read["quarantined"],
        "ignored_files": dict(sorted(ignored.items())),
        **counts,
    }


def generated_metrics(work: Work) -> dict[str, Any]:
    """The metrics of generated documents, none of which is bad."""
    names = ("documents", "bytes", "source_bits", "sources")
    return {name: work.total.get(name) for name in names} | {"quarantined": 0, "quarantine": {}}


def _bad_counts(sources: Sequence[Source], work: Work) -> dict[str, Counter[str]]:
    """Bad rows by file and reason."""
    bad: dict[str, Counter[str]] = {}
    for piece, counts in zip(work.pieces, work.counts, strict=True):
        if counts["quarantined"]:
            table = read_table(piece / "bad.parquet", ["source", "file", "reason"])
            for row in table.group_by(["source", "file", "reason"]).aggregate([([], "count_all")]).to_pylist():
                bad.setdefault(_label(sources, row["source"], row["file"]), Counter())[row["reason"]] += row["count_all"]
    return bad


def _files_without_column(sources: Sequence[Source], work: Work) -> dict[str, list[str]]:
    """The columns of files none of whose rows has the text column."""
    having: Counter[str] = Counter()
    columns: dict[str, set[str]] = {}
    for row in (row for path in work.paths("parts") for row in read_table(path).to_pylist()):
        file = _label(sources, row["source"], row["file"])
        having[file] += row["having"]
        columns.setdefault(file, set()).update(row["columns"])
    return {file: sorted(names) for file, names in columns.items() if names and not having[file]}


def _check_unusable_bytes(files: Mapping[str, Sequence[str]], sizes: Mapping[str, int], limit: float, mend: str) -> None:
    """Raise InputError if unusable files make up more than the allowed share of all bytes."""
    if sum(sizes.get(file, 0) for file in files) <= limit * sum(sizes.values()):
        return
    worst = max(sorted(files), key=lambda file: sizes.get(file, 0))
    problem = "is damaged" if files[worst] == ["damaged"] else f"does not have the text column; its columns are {', '.join(files[worst])}"
    raise InputError(f"{worst} {problem}", mend=mend)


def _label(sources: Sequence[Source], source: str, file: str) -> str:
    """The name of a file, with its source if there are several."""
    return file if len(sources) == 1 else f"{source}: {file}"
