"""Work done shard by shard: each result is on the disk before it counts, so that a stopped stage goes on at the next one.

A piece of work is a pure function of its item: which worker runs it, on which machine, in which order, and
whether before or after a kill, its bytes are the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.core.artifact.tables import read_tables, write_table
from pipeline.core.files import once, read_json, write_json

A = TypeVar("A")
Counts = dict[str, Any]  # plain numbers, nested by name
Map = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@dataclass(frozen=True)
class Piece:
    """What becomes of an item, or of a part of it: tables, and numbers about them that can be added up."""

    tables: Mapping[str, pa.Table]
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """Finished pieces, each a folder with NAME.parquet for each table, in the order of the items."""

    pieces: tuple[Path, ...]
    counts: tuple[Counts, ...]  # of each piece

    @cached_property
    def total(self) -> Counts:
        """The numbers of all pieces, added up name by name."""
        return reduce(added, self.counts, {})

    def paths(self, name: str) -> list[Path]:
        """The files of one of the tables."""
        return [piece / f"{name}.parquet" for piece in self.pieces]

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One of the tables of all pieces at once: for what is small."""
        return read_tables(self.paths(name), columns)


RunShards = Callable[[str, Callable[[Any], Iterable[Piece]], Sequence[Any]], Work]  # map_shards, under the name of a phase


def map_shards(function: Callable[[A], Iterable[Piece]], items: Sequence[A], *, folder: Path, run_map: Map) -> Work:
    """The pieces of every item, in order; items whose pieces lie whole in the folder already are not worked on again.

    The function must be picklable (a partial of a module's function) and yield at least one piece, its tables of the same names for every
    item; only one piece of each worker is held at a time.
    """
    folders = run_map(partial(_work, function, folder.resolve()), list(enumerate(items)))
    pieces = tuple(piece for one in folders for piece in sorted(path for path in one.iterdir() if path.is_dir()))
    return Work(pieces, tuple(read_json(piece / "counts.json") for piece in pieces))


def added(left: Mapping[str, Any], right: Mapping[str, Any]) -> Counts:
    """Two nested dicts of numbers, added; names of the right follow those of the left."""
    both = dict(left)
    for name, value in right.items():
        if isinstance(value, Mapping):
            both[name] = added(both.get(name) or {}, value)
        else:
            both[name] = both.get(name, 0) + value
    return both


def _work(function: Callable[[A], Iterable[Piece]], folder: Path, numbered: tuple[int, A]) -> Path:
    number, item = numbered

    def write(draft: Path) -> None:
        for turn, piece in enumerate(function(item)):
            part = draft / f"{turn:05d}"
            part.mkdir()
            for name, table in piece.tables.items():
                write_table(table, part / f"{name}.parquet")
            write_json(part / "counts.json", dict(piece.counts))

    return once(folder / f"{number:06d}", write)
