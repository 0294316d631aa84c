"""Find the files of a source, sorted by name."""

import fnmatch
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.core.errors import InputError
from pipeline.text.reading.content import HEAD, is_wiki_dump, pointer_command
from pipeline.text.reading.first_row import columns_of
from pipeline.text.reading.ignored import DIALOGUES, OTHER_ROWS, WIKI_DUMP, is_companion, mends, told
from pipeline.text.reading.rows import COMPRESSED, DamagedError, files_under, format_suffix, open_decompressed
from pipeline.text.reading.sources import HUB, File, Source
from pipeline.text.shapes import holds_dialogues

FORMATS = {
    ".txt": "txt",
    ".md": "md",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".epub": "epub",
    ".warc": "warc",
    ".wet": "warc",
}
_TABLES = ("jsonl", "json", "csv", "parquet")  # formats whose rows have named columns
_MAGIC = "*?["


def find_source_files(source: Source, base: Path, *, skips_others: bool) -> tuple[list[File], Counter[str]]:
    """The files in the source's format, sorted by name, and counts of the others by kind. Empty for a hub data set.

    Names are relative to the source's path, or to the part of a glob before the first wildcard; hidden files are skipped, and so are known
    companions of data unless the path names them or there is nothing else. Files of dialogues are for another stage; `skips_others`: also
    files of rows that have no column of text are passed over.
    Raises InputError if the path does not exist, has nothing readable, or a file only points to its content.
    """
    if source.path.startswith(HUB):
        return [], Counter()
    entries, skipped = (_remote if "://" in source.path else _local)(source, base)
    files = [File(address, name, size, _kind(source, name)) for address, name, size in sorted(entries, key=lambda file: file[1])]
    place = source.path if "://" in source.path else (base / source.path).as_posix()
    if not files:
        raise InputError(f"{place} is empty", mend="put text files into it, or name another folder: corpus.path=FOLDER")
    data = files if _names_companion(source.path) else [file for file in files if not is_companion(_last(file.name))]
    companions = [_last(file.name) for file in files if is_companion(_last(file.name))] if 0 < len(data) < len(files) else []
    data = data or files
    others = {file: other for file in data if file.kind in _TABLES and (other := _other_rows(file, source, skips_others=skips_others))}
    read = [file for file in data if file.kind and file not in others]
    ignored = Counter(_ignored_kind(file) for file in data if not file.kind) + Counter(others.values())
    ignored.update(companions)
    if not read and set(others.values()) == {DIALOGUES}:
        raise InputError(
            f"{place} holds dialogues and no text",
            mend=f"put the text beside them; or, for the world's text: make repro SET='data=world dialogues=files dialogues.path={place}'",
        )
    if not read and (rows := [file for file, other in others.items() if other == OTHER_ROWS]):
        columns = ", ".join(sorted(columns_of(rows[0].address, rows[0].kind)))
        raise InputError(
            f"{place} has no text: {rows[0].name} has no column {source.column!r}, but {columns}; {told(ignored)}",
            mend=f"corpus.source_defaults.column=COLUMN, one of {columns}; or, of this source, {{name: {source.name}, column: COLUMN}}",
        )
    if not read:
        raise InputError(
            f"{place} has no readable file, only {told(ignored)}",
            mend=f"use {' '.join(FORMATS)} (each also {' '.join(COMPRESSED)}), or state the format of the source {source.name!r}; "
            f"or turn them into text: {mends(ignored)}",
        )
    _check_pointers(read, place)
    return read, ignored + skipped


def check_disjoint(found: Sequence[Sequence[File]], names: Sequence[str]) -> None:
    """Raise InputError if a file belongs to two sources: it would count twice."""
    owners: dict[str, str] = {}
    for files, name in zip(found, names, strict=True):
        for file in files:
            if file.address in owners:
                raise InputError(
                    f"{file.address} belongs to the sources {owners[file.address]!r} and {name!r}",
                    mend="change their paths so that they do not overlap",
                )
            owners[file.address] = name


def _kind(source: Source, name: str) -> str:
    """The format, or "" for a file that is not read."""
    return FORMATS.get(format_suffix(Path(name)), "") if source.format == "auto" else source.format


def _other_rows(file: File, source: Source, *, skips_others: bool) -> str:
    """What the rows of a file are that have no column of text; "" for those that have one, or that their reader is to judge."""
    columns = columns_of(file.address, file.kind)
    if not columns or source.column.partition(".")[0] in columns:
        return ""
    return DIALOGUES if holds_dialogues(columns) else OTHER_ROWS if skips_others else ""


def _ignored_kind(file: File) -> str:
    """The suffix, with that of the compression; the name of a file without; what an .xml file is if it is known."""
    path = PurePosixPath(file.name)
    suffix = format_suffix(Path(path.name))
    if suffix == ".xml":
        try:
            with open_decompressed(file.address) as opened:
                if is_wiki_dump(opened.read(HEAD)):
                    return WIKI_DUMP
        except (OSError, DamagedError):
            pass
    return suffix or path.suffix or path.name


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _names_companion(path: str) -> bool:
    last = _last(path.rstrip("/"))
    return is_companion(last) or is_companion(last.rstrip("*"))


def _check_pointers(files: Sequence[File], place: str) -> None:
    """Raise InputError if files only point to their content, as in a clone without Git LFS."""
    found = [(file, command) for file in files if (command := pointer_command(file.address, file.size))]
    if found:
        (first, command), more = found[0], f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(
            f"{first.name} in {place} is no data but a pointer to it{more}, as a clone has them whose large files were not fetched",
            mend=f"{command} in that clone, then run again",
        )


def _local(source: Source, base: Path) -> tuple[list[tuple[str, str, int]], Counter[str]]:
    root, tail = (source.path, "") if (base / source.path).exists() else _root(source.path)
    target = base / root
    if not target.exists():
        raise InputError(f"{target} does not exist", mend="corpus.path=FOLDER with documents in it, or another path of the source")
    top = target if target.is_dir() else target.parent
    found, skipped = files_under(target, top)
    pattern = [part for part in tail.split("/") if part not in ("", ".")]
    files = [file for file in found if _matches(file.relative_to(top).parts, pattern)]
    counts = Counter(kind for place, kind in skipped if _matches(place.relative_to(top).parts, pattern))
    return [(file.as_posix(), file.relative_to(top).as_posix(), file.stat().st_size) for file in files], counts


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a glob matches a file or a folder above it; `**` matches any number of folders."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[above:], pattern[1:]) for above in range(len(parts)))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _remote(source: Source, base: Path) -> tuple[list[tuple[str, str, int]], Counter[str]]:
    import fsspec  # type: ignore[import-untyped]

    del base  # an address is absolute
    try:
        system, path = fsspec.core.url_to_fs(source.path)
        root = _root(path)[0] if any(sign in path for sign in _MAGIC) and not system.exists(path) else path
        if root != path:
            entries = system.glob(path, detail=True)
        elif system.isdir(path):
            entries = system.find(path, detail=True)
        else:
            entries, root = {path: system.info(path)}, path.rpartition("/")[0]
    except (OSError, ValueError, ImportError) as fault:
        raise InputError(
            f"source {source.name!r}: {source.path} can't be listed: {fault}",
            mend="correct the address, or install what its protocol needs",
        ) from fault
    named = [(key, key.removeprefix(root).strip("/"), info) for key, info in entries.items() if info["type"] == "file"]
    return [
        (system.unstrip_protocol(key), name, int(info["size"] or 0))
        for key, name, info in named
        if not any(part.startswith(".") for part in name.split("/"))
    ], Counter()


def _root(path: str) -> tuple[str, str]:
    """The part before the first wildcard, and the rest."""
    parts = path.split("/")
    count = next((number for number, part in enumerate(parts) if any(sign in part for sign in _MAGIC)), len(parts))
    return "/".join(parts[:count]) or ".", "/".join(parts[count:])
