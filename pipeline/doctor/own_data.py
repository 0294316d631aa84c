"""One's own text, dialogues, votes and benchmarks, read as the stages will read them: what is there, and every fault with its place."""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.compute as pc

from pipeline.core.errors import InputError
from pipeline.core.sections import part_of
from pipeline.core.shards import RunShards, map_shards
from pipeline.doctor.beginning import MOST, Beginning, beginning
from pipeline.doctor.finding import Finding, size
from pipeline.text.dialogues.files import FileRules, gathered, judged
from pipeline.text.dialogues.mends import mend_of as mend_of_dialogue
from pipeline.text.reading.read import QUARANTINE, read_sources
from pipeline.text.reading.results import mend_of
from pipeline.text.reading.rows import files_under
from pipeline.text.reading.sources import HUB, ReadLimits, sources_of
from pipeline.text.splitting.benchmarks import benchmark_files, items_of

SHOWN = 12  # files and reasons, of each kind of data
ELSEWHERE = "is not looked at: it lies elsewhere"


def own_data(settings: Mapping[str, Any]) -> list[Finding]:
    """What is found in the folders of one's own that the settings name, as far as they are there: of the others the plan tells.

    Nothing is written but to a temporary folder, which goes. Of more than MOST bytes the beginning of each file is read.
    """
    corpus, dialogues, found = settings["corpus"], settings["dialogues"], list[Finding]()
    rows = _folders_of(dialogues) if dialogues["reader"] == "files" else {}
    rows |= {f"preferences.{name}": (one, one["source"]) for name, one in settings["preferences"].items() if one["method"] == "votes"}
    own = [corpus["path"]] if corpus["reader"] == "sources" else []
    places = [Path(place) for place in (*own, *(path for _, path in rows.values()))]
    closed = list(dict.fromkeys(file for place in dict.fromkeys(places) for file in unreadable(place)))
    found += [Finding("data", f"{file} may not be read", f"chmod u+r {shlex.quote(str(file))}") for file in closed]
    if own:
        found += text(corpus, closed)
    for name, (section, path) in rows.items():
        found += dialogues_in(section, Path(path), closed, name=name)
    return found + benchmarks(Path(settings["split"]["benchmarks"]), settings["split"]["benchmark_fields"])


def _folders_of(dialogues: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], str]]:
    """The folders of dialogues; where the second has files, the first need have none."""
    path, more = dialogues["path"], Path(dialogues["preferences_path"])
    if not more.is_dir() or not files_under(more, more)[0]:
        return {"dialogues": (dialogues, path)}
    either = {**dialogues, "required": False}
    return {"dialogues": (either, path), "dialogues.preferences_path": (either, str(more))}


def unreadable(place: Path) -> list[Path]:
    """The files below a folder that this user may not read."""
    try:
        files = files_under(place, place if place.is_dir() else place.parent)[0] if place.exists() else []
    except InputError:  # who reads it tells
        return []
    return [file for file in files if not os.access(file, os.R_OK)]


def text(section: Mapping[str, Any], closed: Sequence[Path]) -> list[Finding]:
    """Of the section corpus: the documents, what is passed over, what can't be used. `closed` are files that may not be read."""
    sources = sources_of(section["sources"], section["source_defaults"])
    here = [source for source in sources if "://" not in source.path and not source.path.startswith(HUB)]

    def look(seen: Beginning, found: list[Finding]) -> None:
        notices: list[str] = []
        with TemporaryDirectory(prefix="doctor-") as folder:
            work, limits = Path(folder), part_of(section, ReadLimits)
            try:
                read = read_sources(here, seen.path, limits, run_shards=_shards(work), scratch=work, tell=notices.append)
            except InputError:
                found += _quarantined("text", _rows(work), lambda one: mend_of(one["reason"], _address(seen, one)))
                raise
            characters = sum(pc.sum(pc.utf8_length(part)).as_py() or 0 for part in read.work.table("documents", ["text"])["text"].chunks)
            files = sum(read.metrics["files"].values())
            told = f"{seen.of}: {read.metrics['documents']:,} documents, {characters:,} characters, from {files:,} files"
            found += [Finding("text", told), *_quarantined("text", _rows(work)), *(Finding("text", seen.said(one)) for one in notices)]

    elsewhere = [Finding("text", f"{source.path} {ELSEWHERE}") for source in sources if source not in here]
    return elsewhere + (_looked("text", Path(section["path"]), closed, look) if here else [])


def dialogues_in(section: Mapping[str, Any], path: Path, closed: Sequence[Path], *, name: str) -> list[Finding]:
    """Of a section with FileRules: the dialogues of each kind, what was done to them, what can't be used."""
    hub = section.get("hub", [])

    def look(seen: Beginning, found: list[Finding]) -> None:
        rules, notices = part_of(section, FileRules), list[str]()
        rules = replace(rules, required=rules.required and not hub)
        read = gathered(seen.path, (), rules, tell=notices.append)
        bad = [one.as_dict() for one in read.bad]
        if read.rows:
            try:
                judged(read, seen.path, rules, seed=section["seed"], tell=notices.append)
            except InputError:
                found += _quarantined(name, bad, lambda one: mend_of_dialogue(one["reason"]))
                raise
        tables = {kind: len(rows) for kind, rows in read.tables.items() if rows}
        counts = ", ".join(f"{count:,} {kind}" for kind, count in tables.items())
        told = f"{seen.of}: {counts or 'no dialogues: what needs some takes over the model before it'}"
        found += [Finding(name, told), *_quarantined(name, bad), *(Finding(name, seen.said(one)) for one in notices)]

    elsewhere = [Finding(name, f"{one['path']} {ELSEWHERE}") for one in hub]
    return elsewhere + _looked(name, path, closed, look)


def benchmarks(folder: Path, chosen: Mapping[str, Sequence[str]]) -> list[Finding]:
    """The files of a folder of benchmarks that can't be kept out of the training text; looks at no more than MOST bytes."""
    found, left, passed = list[Finding](), MOST, 0
    for file in benchmark_files(folder) if folder.is_dir() else ():
        if (left := left - file.stat().st_size) < 0:
            passed += 1
            continue
        try:
            items_of(file, folder, chosen)
        except InputError as fault:
            found.append(Finding("benchmarks", fault.message, fault.mend))
    more = [Finding("benchmarks", f"{folder}: only {size(MOST)} are looked at here, {passed:,} files are not")] if passed else []
    return found + more


def _looked(what: str, path: Path, closed: Sequence[Path], look: Callable[[Beginning, list[Finding]], None]) -> list[Finding]:
    """What a look at the beginning of a place finds, what stops it being one of that."""
    found: list[Finding] = []
    if "://" in str(path) or not path.exists():
        return [Finding(what, f"{path} {ELSEWHERE}")] if "://" in str(path) else []
    try:
        with beginning(path, without=closed) as seen:
            found += [Finding(what, seen.told)] if seen.told else []
            if seen.path == path or seen.path.is_file() or any(file.is_file() for file in seen.path.rglob("*")):
                look(seen, found)
    except InputError as fault:
        found.insert(0, Finding(what, fault.message, fault.mend))
    return found


def _quarantined(what: str, rows: Sequence[Mapping[str, Any]], mend: Callable[[Mapping[str, Any]], str] | None = None) -> Iterator[Finding]:
    """The rows that can't be used, by file and reason; with a mend where they are too many."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["file"], row["reason"]), []).append(row)
    for (file, reason), some in list(groups.items())[:SHOWN]:
        place = f"{file}:{some[0]['line']}" if some[0]["line"] else file
        more = f", and {len(some) - 1:,} more" if len(some) > 1 else ""
        yield Finding(what, f"{place}: {reason}{more}; to {QUARANTINE}", mend(some[0]) if mend else None)
    if len(groups) > SHOWN:
        yield Finding(what, f"{len(rows):,} rows of {len({file for file, _ in groups}):,} files can't be used")


def _shards(folder: Path) -> RunShards:
    """Work in this process, into a folder."""
    return lambda phase, function, items: map_shards(
        function, items, folder=folder / phase, run_map=lambda each, some: [each(one) for one in some]
    )


def _rows(work: Path) -> list[dict[str, Any]]:
    file = work / QUARANTINE
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def _address(seen: Beginning, row: Mapping[str, Any]) -> str | None:
    """Where a file lies that can't be used as a whole."""
    path = seen.path / row["file"] if seen.path.is_dir() else seen.path
    return str(path) if row["line"] is None and path.is_file() else None
