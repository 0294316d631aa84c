"""Cuts: parts of documents that repeat an earlier one, stored in files sorted by document."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.text.dedup.index import load_array, save_array
from pipeline.text.ngrams import Int64Array

Level = Literal["paragraph", "substring"]
END = -1  # end of a cut of a whole paragraph


@dataclass(frozen=True)
class Cut:
    """A paragraph, or a part of it, that also occurs in an earlier document."""

    paragraph: int  # in the document before cutting
    start: int  # bytes in the paragraph
    end: int  # bytes in the paragraph, or END
    original: int  # position of the earlier document

    @property
    def level(self) -> Level:
        """Which comparison found it."""
        return "paragraph" if self.end == END else "substring"


def save_cuts(path: Path, positions: Int64Array, paragraphs: Int64Array, spans: Int64Array, of: Int64Array) -> None:
    """Write cuts sorted by position of their document; spans are [2, cuts] bytes in the paragraph."""
    rows = np.stack([positions, paragraphs, spans[0], spans[1], of]).astype(np.int64)
    save_array(path, rows[:, np.lexsort((rows[2], rows[1], rows[0]))])


def cuts_in_range(paths: Sequence[Path], first: int, end: int) -> dict[int, list[Cut]]:
    """The cuts of the documents at positions first:end, by row from `first`, in order within each document."""
    found = []
    for path in paths:
        rows = load_array(path)
        edges = np.searchsorted(rows[0], (first, end))
        found.append(rows[:, edges[0] : edges[1]])
    rows = np.concatenate([*found, np.empty((5, 0), np.int64)], axis=1)
    by_row: dict[int, list[Cut]] = {}
    for position, *cut in rows[:, np.lexsort((rows[2], rows[1], rows[0]))].T.tolist():
        by_row.setdefault(position - first, []).append(Cut(*cut))
    return by_row


def originals_of(paths: Sequence[Path]) -> Int64Array:
    """The positions of the documents that hold the originals of what was cut."""
    return np.unique(np.concatenate([load_array(path)[4] for path in paths] or [np.empty(0, np.int64)]))


def cut_paragraphs(text: str, cuts: Sequence[Cut]) -> tuple[list[tuple[int, str]], list[str]]:
    """The remaining paragraphs with their numbers, and the text of each cut."""
    paragraphs: list[str | None] = list(text.split("\n\n"))
    taken = []
    for cut in reversed(cuts):  # from the end, so that offsets before a cut stay valid
        raw = (paragraphs[cut.paragraph] or "").encode()
        end = len(raw) if cut.end == END else cut.end
        left = b" ".join(part for part in (raw[: cut.start].rstrip(b" "), raw[end:].lstrip(b" ")) if part)
        paragraphs[cut.paragraph] = left.decode() or None
        taken.append(raw[cut.start : end].decode())
    return [(number, paragraph) for number, paragraph in enumerate(paragraphs) if paragraph is not None], taken[::-1]
