"""Cut paragraphs that occur more than once in the corpus; the document with the lowest number keeps its copy."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import PositiveInt

from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.dedup.cuts import END, save_cuts
from pipeline.text.dedup.index import Index, duplicate_groups, load_array


@dataclass(frozen=True, kw_only=True)
class ParagraphRule:
    """Which paragraphs are compared."""

    min_words: PositiveInt


def cut_repeated_paragraphs(index: Index, *, folder: Path, run_map: Map) -> list[Path]:
    """Files of cuts. The folder holds the arrays `numbers` and `kept` by position; only kept documents take part."""
    return [path / "cuts.npy" for path in run_map(partial(_repeated, index, folder), index.ranges("paragraphs"))]


def _repeated(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    def write(draft: Path) -> None:
        hashes, positions, places = index.entries("paragraphs", part)
        kept = load_array(folder / "kept.npy")[positions]
        hashes, positions, places = hashes[:, kept], positions[kept], places[kept]
        order = load_array(folder / "numbers.npy")[positions].astype(np.int64) << 32 | places
        indices, first = duplicate_groups(list(hashes), order)
        later = first != np.arange(first.size)
        again, of = indices[later], positions[indices[first[later]]]
        spans = np.stack([np.zeros(again.size, np.int64), np.full(again.size, END)])
        save_cuts(draft / "cuts.npy", positions[again], places[again], spans, of)

    return once(folder / f"paragraphs-{part[0]:05d}", write)
