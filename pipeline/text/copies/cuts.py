"""Places in documents that repeat an earlier one: where they are found, kept in files sorted by document, and cut out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.text.copies.index import load, save
from pipeline.text.ngrams import Integers

Level = Literal["paragraph", "substring"]
END = -1  # of a cut that takes a paragraph whole


@dataclass(frozen=True)
class Cut:
    """A paragraph, or a part of it, that stands in an earlier document too."""

    paragraph: int  # in the document as it was
    start: int  # bytes in the paragraph
    end: int  # bytes in the paragraph, or END
    of: int  # position of the earlier document

    @property
    def level(self) -> Level:
        """Which comparison found it."""
        return "paragraph" if self.end == END else "substring"


def save_cuts(path: Path, positions: Integers, paragraphs: Integers, spans: Integers, of: Integers) -> None:
    """Cuts by position of their document; spans are [2, cuts] bytes in the paragraph."""
    rows = np.stack([positions, paragraphs, spans[0], spans[1], of]).astype(np.int64)
    save(path, rows[:, np.lexsort((rows[2], rows[1], rows[0]))])


def cuts_between(paths: Sequence[Path], first: int, end: int) -> dict[int, list[Cut]]:
    """The cuts of the documents at positions first:end, by row from `first`, each document's in order."""
    found = []
    for path in paths:
        rows = load(path)
        edges = np.searchsorted(rows[0], (first, end))
        found.append(rows[:, edges[0] : edges[1]])
    rows = np.concatenate([*found, np.empty((5, 0), np.int64)], axis=1)
    by_row: dict[int, list[Cut]] = {}
    for position, *cut in rows[:, np.lexsort((rows[2], rows[1], rows[0]))].T.tolist():
        by_row.setdefault(position - first, []).append(Cut(*cut))
    return by_row


def sources_of(paths: Sequence[Path]) -> Integers:
    """The positions of the documents that cut places stand in too."""
    return np.unique(np.concatenate([load(path)[4] for path in paths] or [np.empty(0, np.int64)]))


def cut_paragraphs(text: str, cuts: Sequence[Cut]) -> tuple[list[tuple[int, str]], list[str]]:
    """The paragraphs that are left, with their numbers, and what was cut out for each cut."""
    paragraphs: list[str | None] = list(text.split("\n\n"))
    taken = []
    for cut in reversed(cuts):  # from the end, so that the bytes before a cut stay where they are
        raw = (paragraphs[cut.paragraph] or "").encode()
        end = len(raw) if cut.end == END else cut.end
        left = b" ".join(part for part in (raw[: cut.start].rstrip(b" "), raw[end:].lstrip(b" ")) if part)
        paragraphs[cut.paragraph] = left.decode() or None
        taken.append(raw[cut.start : end].decode())
    return [(number, paragraph) for number, paragraph in enumerate(paragraphs) if paragraph is not None], taken[::-1]
