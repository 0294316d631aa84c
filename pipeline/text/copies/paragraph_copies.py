"""Paragraphs that stand in the corpus more than once: all but the first are cut. First is the document of the lowest number."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.copies.cuts import END, save_cuts
from pipeline.text.copies.index import Index, groups, load


@dataclass(frozen=True, kw_only=True)
class Paragraphs:
    """Which paragraphs are compared."""

    words: int  # of the shortest one


def repeated_paragraphs(index: Index, *, folder: Path, run_map: Map) -> list[Path]:
    """Files of cuts. The folder has the arrays `numbers` and `kept` by position: a document that is not kept has no part in this."""
    return [path / "cuts.npy" for path in run_map(partial(_repeated, index, folder), index.ranges("paragraphs"))]


def _repeated(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    def write(draft: Path) -> None:
        hashes, positions, places = index.within("paragraphs", part)
        kept = load(folder / "kept.npy")[positions]
        hashes, positions, places = hashes[:, kept], positions[kept], places[kept]
        order = load(folder / "numbers.npy")[positions].astype(np.int64) << 32 | places
        indices, first = groups(list(hashes), order)
        later = first != np.arange(first.size)
        again, of = indices[later], positions[indices[first[later]]]
        spans = np.stack([np.zeros(again.size, np.int64), np.full(again.size, END)])
        save_cuts(draft / "cuts.npy", positions[again], places[again], spans, of)

    return once(folder / f"paragraphs-{part[0]:05d}", write)
