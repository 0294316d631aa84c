"""What differs between the documents of two runs, by stage, with the reasons.

Documents are compared by id and by a hash of the text, as columns; one shard of text is held at a time.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.split import PARTS
from pipeline.report.cleaning import first_difference
from pipeline.report.search import PIECE
from pipeline.report.stage_files import StageFiles

STAGES = ("corpus", "clean", "select", "dedup", "split")
KINDS = ("added", "removed", "changed", "moved")
EARLIER = "already so in the stage before"
_OWN = {  # why a text is another, where the stage before had the same
    "corpus": "another text was read",
    "clean": "repaired otherwise",
    "select": "another text",
    "dedup": "other passages cut out",
    "split": "other paragraphs or pieces cut",
}
_DIGEST = 8  # bytes: only texts of one id are compared, so no birthday is to be feared
_DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("whole", pa.string()),  # id of the document from which a piece was cut
        pa.field("source", pa.string()),
        pa.field("part", pa.string()),  # of a split, else null
        pa.field("bytes", pa.int64()),
        pa.field("hash", pa.binary(_DIGEST)),
    ]
)
_DIFFERENCES = pa.schema([(name, pa.string()) for name in ("kind", "id", "part", "reason")] + [("bytes", pa.int64())])


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two runs."""

    name: str
    folders: Mapping[str, StageFiles]  # by stage
    locked: Mapping[str, str]  # by stage: what dvc.lock calls the content of its folder
    sure: bool  # whether the folders are what dvc.lock says; those that lie open on the disk may not be


@dataclass(frozen=True)
class Changes:
    """How the documents of a stage differ."""

    stage: str
    differences: pa.Table  # kind, id, part, reason, bytes (of an added or removed text; by which a changed one grew)
    equal: bool = False
    absent: str = ""  # why nothing can be said

    def count(self, kind: str, part: str | None = None) -> tuple[int, int]:
        """Documents and bytes of a kind, in all or in one part of the split."""
        mine = self.differences.filter(pc.equal(self.differences["kind"], kind))
        if part is not None:
            mine = mine.filter(pc.equal(mine["part"], part))
        return mine.num_rows, pc.sum(mine["bytes"]).as_py() or 0

    def reasons(self, kind: str) -> list[tuple[str, int]]:
        """The reasons of a kind of difference and how many documents have each, the commonest first."""
        mine = self.differences.filter(pc.equal(self.differences["kind"], kind))
        rows = mine.group_by("reason").aggregate([("id", "count")]).to_pylist()
        return sorted(((row["reason"], row["id_count"]) for row in rows), key=lambda entry: (-entry[1], entry[0]))


@dataclass(frozen=True)
class Example:
    """One document that differs, as it was and as it is; nothing where it was or is not there."""

    kind: str
    id: str
    reason: str
    old: str
    new: str


def changes(old: Side, new: Side) -> Iterator[Changes]:
    """The differences stage by stage, in the order of the data. What is known to be equal is not read."""
    before: tuple[pa.Table, pa.Table] | None = None
    for stage in STAGES:
        if _equal(old, new, stage):
            yield Changes(stage, _DIFFERENCES.empty_table(), equal=True)
            before = None
        elif missing := [side.name for side in (old, new) if side.folders[stage].manifest is None]:
            yield Changes(
                stage,
                _DIFFERENCES.empty_table(),
                absent=f"not there, nor in the cache, for {' and '.join(missing)}: .venv/bin/dvc repro or .venv/bin/dvc fetch",
            )
            before = None
        else:
            tables = documents(old.folders[stage], stage), documents(new.folders[stage], stage)
            whys = reasons(old.folders[stage]), reasons(new.folders[stage])
            yield Changes(stage, differences(stage, tables, before, whys))
            before = tables


def documents(files: StageFiles, stage: str) -> pa.Table:
    """The documents of a stage, in the order of their shards: id, whole, source, part, bytes, hash."""
    names = PARTS if stage == "split" else ("documents",)
    columns = ["id", "book", "source", "text"]
    found = [_hashed(table, name) for name in names for table in files.shards(name, columns)]
    return pa.concat_tables([*found, _DOCUMENTS.empty_table()])


def reasons(files: StageFiles) -> pa.Table:
    """Why a stage left documents out: id, reason; one a document."""
    empty = pa.table({"id": pa.array([], pa.string()), "reason": pa.array([], pa.string())})
    found = [empty]
    for table in files.shards("dropped", ["id", "reason"]):
        found.append(_told(table["id"], "dropped as ", table["reason"]))
    for table in files.shards("clusters", ["id", "kept", "kind", "cluster"]):
        lost = table.filter(pc.invert(table["kept"]))
        found.append(_told(lost["id"], lost["kind"], pc.if_else(pc.equal(lost["kind"], "emptied"), "", " copy")))
    for table in files.shards("cut", ["id", "against"]):
        found.append(
            _told(_whole(table["id"]), "cut, for it is in ", table["against"] if "against" in table.column_names else "held-out text")
        )
    return pa.concat_tables(found).group_by("id", use_threads=False).aggregate([("reason", "first")]).rename_columns(["id", "reason"])


def differences(
    stage: str, tables: tuple[pa.Table, pa.Table], before: tuple[pa.Table, pa.Table] | None, whys: tuple[pa.Table, pa.Table]
) -> pa.Table:
    """kind, id, part, reason, bytes of each document that differs between the old and the new table.

    `before` are the tables of the stage before, which explain what this stage only inherited, or None where they are equal;
    `whys` are what each run's stage left out.
    """
    old, new = tables
    was = {name: _lookup(new["id"], old, name) for name in ("hash", "part", "bytes")}
    added = pc.is_null(was["hash"])
    moved = pc.fill_null(pc.not_equal(new["part"], was["part"]), False)
    other = pc.fill_null(pc.not_equal(new["hash"], was["hash"]), False)
    grown = new.set_column(new.schema.get_field_index("bytes"), "bytes", pc.subtract(new["bytes"], pc.fill_null(was["bytes"], 0)))
    gone = old.filter(pc.invert(pc.is_in(old["id"], value_set=_values(new["id"]))))
    of_kind = {
        "added": (fresh := new.filter(added), _entry(fresh, stage, before and before[0], whys[0], "was ")),
        "removed": (gone, _entry(gone, stage, before and before[1], whys[1], "")),
        "changed": (changed := grown.filter(pc.and_not(other, moved)), _altered(changed, stage, before)),
        "moved": (dealt := grown.filter(moved), _arrow(_lookup(dealt["id"], old, "part"), dealt["part"])),
    }
    found = [
        pa.table([pa.repeat(kind, rows.num_rows), rows["id"], rows["part"], why, rows["bytes"]], names=_DIFFERENCES.names)
        for kind, (rows, why) in of_kind.items()
    ]
    return pa.concat_tables([table.cast(_DIFFERENCES) for table in found])


def examples(change: Changes, old: Side, new: Side, *, kind: str, most: int) -> list[Example]:
    """Some documents of a kind of difference, those of this stage's own making first: where a changed one differs, else its text."""
    mine = change.differences.filter(pc.equal(change.differences["kind"], kind))
    own = pc.not_equal(mine["reason"], EARLIER)
    some = pa.concat_tables([mine.filter(own), mine.filter(pc.invert(own))]).slice(0, most).to_pylist()
    texts = [_texts(side.folders[change.stage], change.stage, [row["id"] for row in some]) for side in (old, new)]
    found = []
    for row in some:
        was, now = (side.get(row["id"], "") for side in texts)
        if kind == "changed":
            was, now = first_difference(was, now)
        found.append(Example(kind, row["id"], row["reason"], was, now))
    return found


def _equal(old: Side, new: Side, stage: str) -> bool:
    if not old.locked.get(stage) or old.locked.get(stage) != new.locked.get(stage):
        return False
    if old.sure and new.sure:
        return True
    return old.folders[stage].manifest == new.folders[stage].manifest


def _hashed(table: pa.Table, name: str) -> pa.Table:
    """The rows of a table with a hash in the place of the text."""
    hashes = [hashlib.blake2b(text.as_buffer(), digest_size=_DIGEST).digest() for text in table["text"]]
    rows = table.num_rows
    whole = pc.coalesce(table["book"], table["id"]) if "book" in table.column_names else table["id"]
    source = table["source"] if "source" in table.column_names else pa.nulls(rows, pa.string())
    part = pa.repeat(name, rows) if name in PARTS else pa.nulls(rows, pa.string())
    columns = [table["id"], whole, source, part, pc.binary_length(table["text"]).cast(pa.int64()), pa.array(hashes, pa.binary(_DIGEST))]
    return pa.table(columns, names=_DOCUMENTS.names).cast(_DOCUMENTS)


def _entry(rows: pa.Table, stage: str, before: pa.Table | None, why: pa.Table, tense: str) -> pa.ChunkedArray:
    """Why documents are in one run and not in the other, of which `before` and `why` tell."""
    if stage == "corpus":
        return _joined("of the source ", rows["source"])
    told = pc.fill_null(
        _joined(tense, _lookup(rows["whole"], why, "reason")),
        "cut otherwise, or taken another number of times" if stage == "split" else "for no stated reason",
    )
    return told if before is None else pc.if_else(pc.is_in(rows["whole"], value_set=_values(before["id"])), told, EARLIER)


def _altered(rows: pa.Table, stage: str, before: tuple[pa.Table, pa.Table] | None) -> pa.Array:
    """Why documents have another text."""
    if before is None:
        return pa.repeat(_OWN[stage], rows.num_rows)
    was, now = (_lookup(rows["whole"], table, "hash") for table in before)
    return pc.if_else(pc.fill_null(pc.not_equal(was, now), False), EARLIER, _OWN[stage])


def _texts(files: StageFiles, stage: str, ids: Sequence[str]) -> dict[str, str]:
    wanted = pa.array(ids, pa.string())
    names = PARTS if stage == "split" else ("documents",)
    places = (place for name in names for place in files.find(name, ["id"], lambda table: pc.is_in(table["id"], wanted), ["id", "text"]))
    return {place.row["id"]: place.row["text"] for place in places}


def _lookup(ids: pa.ChunkedArray, table: pa.Table, column: str) -> pa.ChunkedArray:
    """The column's value of each id; null where the table lacks it."""
    return table[column].take(pc.index_in(ids, value_set=_values(table["id"])))


def _values(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _whole(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(ids, f"{PIECE}$", "")


def _told(ids: pa.ChunkedArray, *words: Any) -> pa.Table:
    return pa.table({"id": ids, "reason": _joined(*words)})


def _joined(*words: Any) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*words, "")


def _arrow(was: pa.ChunkedArray, now: pa.ChunkedArray) -> pa.ChunkedArray:
    return _joined("from ", was, " to ", now)
