"""What became of the sources: is too much of it bad, is any of it twice, what stands in the quarantine and in the metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.artifact.tables import read_table
from pipeline.core.errors import InputError
from pipeline.core.files import write_jsonl
from pipeline.core.shards import Work
from pipeline.text.reading.caps import Taken
from pipeline.text.reading.rows import check_tally
from pipeline.text.reading.sources import File, Source

_KEY = "corpus.max_bad_fraction"


def check_outcome(sources: Sequence[Source], found: Sequence[Sequence[File]], taken: Taken, max_bad_fraction: float) -> None:
    """Raise InputError where too much is bad, a source gave nothing, a group is nowhere, or two documents have one id."""
    sizes = {_told(sources, source.name, file.name): file.size for source, files in zip(sources, found, strict=True) for file in files}
    strangers = _strangers(sources, taken.read)
    mend = "corpus.sources: name the column that holds the documents (of .csv also the delimiter), or leave the file out by a glob"
    _check_weight(strangers, sizes, max_bad_fraction, mend)
    bad = _tally(sources, taken.read)
    damaged = {file: ["damaged"] for file, reasons in bad.items() if "damaged" in reasons}
    _check_weight(damaged, sizes, max_bad_fraction, "replace the file by one that is whole, or leave it out")
    good = sum(counts["documents"] for counts in taken.read.counts)
    check_tally(good, {file: told for file, told in bad.items() if file not in strangers}, max_bad_fraction=max_bad_fraction, key=_KEY)
    by_source = taken.kept.total.get("sources", {})
    for source in sources:
        if not by_source.get(source.name, {}).get("documents"):
            if taken.capped[source.name]:
                raise InputError(
                    f"source {source.name!r}: the first document is longer than cap_bytes={source.cap_bytes}, so that none is kept",
                    mend=f"corpus.sources: a greater cap_bytes of {source.name!r}, or null",
                )
            raise InputError(
                f"source {source.name!r} gave no document", mend="corpus.path=FOLDER with documents in it, or leave the source out"
            )
        if source.group and not by_source[source.name]["grouped"]:
            raise InputError(
                f"source {source.name!r} has group={source.group}, but no document of it has one",
                mend="name a column that is there, or null",
            )
    check_ids(taken.kept)


def check_ids(work: Work) -> None:
    """Raise InputError where two documents have the same id. Holds 16 bytes a document."""
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
    told = " and ".join(f"{row['origin']} of {row['source']}" for row in rows)
    raise InputError(f"two documents have the same id {wanted}: {told}", mend="rename one of the files or sources")


def write_quarantine(work: Work, path: Path) -> Path:
    """quarantine.jsonl: the bad rows of all pieces, in order."""
    pieces = [piece for piece, counts in zip(work.pieces, work.counts, strict=True) if counts["quarantined"]]
    write_jsonl(path, (row for piece in pieces for row in read_table(piece / "bad.parquet").to_pylist()))
    return path


def described(sources: Sequence[Source], work: Work) -> dict[str, dict[str, Any]]:
    """sources.json: what a source is and how much of it there is."""
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


def measured(sources: Sequence[Source], taken: Taken, ignored: Mapping[str, int]) -> dict[str, Any]:
    """The metrics: the mixture that resulted, and everything that is no document."""
    read, kept = taken.read.total, taken.kept.total
    size = kept.get("bytes", 0)
    mixture = {
        source.name: {
            "documents": kept["sources"][source.name]["documents"],
            "bytes": kept["sources"][source.name]["bytes"],
            "share": round(kept["sources"][source.name]["bytes"] / size, 6),
            "quarantined": read["sources"][source.name]["quarantined"],
            "capped": taken.capped[source.name],
            "unread_bytes": taken.unread[source.name],
        }
        for source in sources
    }
    names = ("files", "encodings", "mended", "passed_over", "quarantine")
    told = {name: {key: read[name][key] for key in sorted(read[name])} for name in names}
    return {
        "documents": kept["documents"],
        "bytes": size,
        "source_bits": None,
        "sources": mixture,
        "quarantined": read["quarantined"],
        "ignored_files": dict(sorted(ignored.items())),
        **told,
    }


def measured_of_made(work: Work) -> dict[str, Any]:
    """The metrics of documents that were made: nothing of them is bad."""
    names = ("documents", "bytes", "source_bits", "sources")
    return {name: work.total.get(name) for name in names} | {"quarantined": 0, "quarantine": {}}


def _tally(sources: Sequence[Source], work: Work) -> dict[str, Counter[str]]:
    """Bad rows by file and reason."""
    bad: dict[str, Counter[str]] = {}
    for piece, counts in zip(work.pieces, work.counts, strict=True):
        if counts["quarantined"]:
            table = read_table(piece / "bad.parquet", ["source", "file", "reason"])
            for row in table.group_by(["source", "file", "reason"]).aggregate([([], "count_all")]).to_pylist():
                bad.setdefault(_told(sources, row["source"], row["file"]), Counter())[row["reason"]] += row["count_all"]
    return bad


def _strangers(sources: Sequence[Source], work: Work) -> dict[str, list[str]]:
    """The columns of files that have rows, none of which has the column that is read."""
    having: Counter[str] = Counter()
    columns: dict[str, set[str]] = {}
    for row in (row for path in work.paths("parts") for row in read_table(path).to_pylist()):
        file = _told(sources, row["source"], row["file"])
        having[file] += row["having"]
        columns.setdefault(file, set()).update(row["columns"])
    return {file: sorted(names) for file, names in columns.items() if names and not having[file]}


def _check_weight(files: Mapping[str, Sequence[str]], sizes: Mapping[str, int], limit: float, mend: str) -> None:
    """A light file that can't be used goes to the quarantine; one that weighs more may not."""
    if sum(sizes.get(file, 0) for file in files) <= limit * sum(sizes.values()):
        return
    leader = max(sorted(files), key=lambda file: sizes.get(file, 0))
    told = "is damaged" if files[leader] == ["damaged"] else f"has not the column that is read; its columns are {', '.join(files[leader])}"
    raise InputError(f"{leader} {told}", mend=mend)


def _told(sources: Sequence[Source], source: str, file: str) -> str:
    """A file by its name, with its source's where there are several."""
    return file if len(sources) == 1 else f"{source}: {file}"
