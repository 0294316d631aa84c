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
from pipeline.text.reading.encoding import wide_encoding
from pipeline.text.reading.rows import check_bad_counts, open_decompressed
from pipeline.text.reading.sources import POLICY_KEY, File, Source

_KEY = "corpus.max_bad_fraction"
_NAMED = 50  # special tokens
_REASONS = 3  # told of a source without documents
_FORMATS = (
    "turn it into text: pdftotext FILE for PDF, ps2ascii FILE for PostScript, pandoc -t plain FILE for RTF; or get a page in the place of"
    " data again"
)
_MENDS = {  # by key of corpus.policy
    "too_long": "a greater corpus.max_document_bytes, or corpus.policy.too_long=truncate (of texts cut); or state what separates documents",
    "wrong_type": "corpus.sources: the column must be one with text",
    "missing_text": "corpus.path=FOLDER with documents in it, another column, or remove the source",
    "malformed": "correct the rows, or state the format of the source (and for .csv its delimiter)",
    "damaged": "replace the file by an intact one",
}


def check_result(sources: Sequence[Source], found: Sequence[Sequence[File]], capped: CappedRead, max_bad_fraction: float) -> None:
    """Raise InputError if too much is bad, a source yields nothing, no document has a group, or two documents share an id."""
    sizes = {_label(sources, source.name, file.name): file.size for source, files in zip(sources, found, strict=True) for file in files}
    without_column = _files_without_column(sources, capped.read)
    mend = "corpus.sources: set the column with the documents (for .csv also the delimiter), or exclude the file by a glob"
    _check_unusable_bytes(without_column, sizes, max_bad_fraction, mend)
    bad = _bad_counts(sources, capped.read)
    damaged = {file: ["damaged"] for file, reasons in bad.items() if "damaged" in reasons}
    _check_unusable_bytes(damaged, sizes, max_bad_fraction, "replace the file by an intact one, or exclude it")
    by_source = capped.kept.total.get("sources", {})
    for source, files in zip(sources, found, strict=True):
        if not by_source.get(source.name, {}).get("documents"):
            raise _no_documents(source, files, capped)
    good = sum(counts["documents"] for counts in capped.read.counts)
    check_bad_counts(
        good, {file: reasons for file, reasons in bad.items() if file not in without_column}, max_bad_fraction=max_bad_fraction, key=_KEY
    )
    for source in sources:
        if source.group and not by_source[source.name]["grouped"]:
            raise InputError(
                f"source {source.name!r} has group={source.group}, but no document of it has one",
                mend="name an existing column, or null",
            )
        for name, column in source.metadata.named.items():
            if not by_source[source.name]["metadata"][name]["known"]:
                raise InputError(
                    f"source {source.name!r} has metadata.{name}={column}, but no document of it has one",
                    mend="name an existing column (of JSON rows and structs also as meta.url), or null",
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
            **({"metadata": kept["sources"][source.name]["metadata"]} if "metadata" in kept["sources"][source.name] else {}),
        }
        for source in sources
    }
    names = ("files", "encodings", "mended", "passed_over", "separators", "cuts", "special_tokens", "read_as", "quarantine")
    counts = {name: {key: read[name][key] for key in sorted(read[name])} for name in names}
    counts["special_tokens"] = _most(read["special_tokens"])
    return {
        "documents": kept["documents"],
        "bytes": size,
        "source_bits": None,
        "sources": mixture,
        "quarantined": read["quarantined"],
        "ignored_files": dict(sorted(ignored.items())),
        **counts,
        **({"unusable_metadata": read["unusable_metadata"]} if "unusable_metadata" in read else {}),
    }


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent by name, and the sum of the others: a text may make up names without end."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    others = sum(count for _, count in ordered[_NAMED:])
    return dict(sorted(ordered[:_NAMED])) | ({"others": others} if others else {})


def generated_metrics(work: Work) -> dict[str, Any]:
    """The metrics of generated documents, none of which is bad."""
    names = ("documents", "bytes", "source_bits", "sources")
    return {name: work.total.get(name) for name in names} | {"quarantined": 0, "quarantine": {}}


def _no_documents(source: Source, files: Sequence[File], capped: CappedRead) -> InputError:
    """Why a source gives no document, with the leading reasons and the first place."""
    if capped.capped[source.name]:
        return InputError(
            f"source {source.name!r}: the first document is longer than cap_bytes={source.cap_bytes}, so none is kept",
            mend=f"corpus.sources: a greater cap_bytes of {source.name!r}, or null",
        )
    mine = [one for one in zip(capped.read.pieces, capped.read.counts, strict=True) if source.name in one[1]["sources"]]
    total = Work(tuple(piece for piece, _ in mine), tuple(counts for _, counts in mine)).total
    reasons: Counter[str] = Counter(total.get("quarantine", {}))
    told = [f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))[:_REASONS]]
    told += [f"{count} {reason} passed over" for reason, count in sorted(total.get("passed_over", {}).items())[:_REASONS]]
    if not reasons:
        why = f": {', '.join(told)}" if told else ""
        return InputError(
            f"source {source.name!r} has no documents{why}", mend="corpus.path=FOLDER with documents in it, or remove the source"
        )
    leading = max(sorted(reasons), key=reasons.__getitem__)
    first = next(row for piece, _ in mine for row in read_table(piece / "bad.parquet").to_pylist() if row["reason"] == leading)
    place = f"{first['file']}:{first['line']}" if first["line"] else first["file"]
    address = next((file.address for file in files if file.name == first["file"]), None)
    return InputError(
        f"source {source.name!r} has no documents: {', '.join(told)}; the first is {place} ({leading})",
        mend=mend_of(leading, None if first["line"] else address),
    )


def mend_of(reason: str, address: str | None = None) -> str:
    """What heals rows that are unusable for this reason, or the file at an address."""
    if reason in ("binary", "undecodable", "invalid_utf8"):
        name = wide_encoding(_head(address)) if address is not None and reason == "binary" else None
        if name is not None:
            return f"the text looks like {name}: corpus.source_defaults.encoding={name}, or encoding: {name} of the source"
        return "state its encoding if it is text: corpus.source_defaults.encoding=CODEC (cp1251, gb18030, utf-16-le ...); else convert it"
    return _MENDS[POLICY_KEY[reason]] if reason != "another_format" else _FORMATS


def _head(address: str) -> bytes:
    with open_decompressed(address) as file:
        return file.read(1 << 16)


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
