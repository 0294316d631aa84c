"""Paragraphs of a document, and paragraphs inserted between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from pipeline.world.books import Rng

FRONT = 2  # title and author: nothing is inserted between them or before the first heading


@dataclass(frozen=True)
class ParagraphText:
    """A paragraph."""

    clean: str  # after perfect cleaning
    raw: str  # before dirt is added, with personal data unmasked
    bits: float  # of the clean text


@dataclass(frozen=True)
class Insert:
    """A paragraph inserted after the book's own paragraph `after`, counted from 0."""

    after: int
    piece: ParagraphText


def without_pii(text: str, bits: float) -> ParagraphText:
    """A paragraph without personal data."""
    return ParagraphText(text, text, bits)


def insert_randomly(piece: ParagraphText, pieces: Sequence[ParagraphText], rng: Rng) -> Insert:
    """The paragraph at a uniformly random place after the first heading; the choice counts towards its bits."""
    places = len(pieces) - FRONT
    return Insert(FRONT + rng.below(places), ParagraphText(piece.clean, piece.raw, piece.bits + log2(places)))


def with_inserts(pieces: Sequence[ParagraphText], inserts: Sequence[Insert]) -> list[ParagraphText]:
    """A book's own paragraphs with the inserted ones; in a shorter edition, places beyond the end are the end."""
    behind: dict[int, list[ParagraphText]] = {}
    for insert in inserts:
        behind.setdefault(min(insert.after, len(pieces) - 1), []).append(insert.piece)
    return [one for place, piece in enumerate(pieces) for one in (piece, *behind.get(place, []))]
