"""The paragraphs of a document on its way into the library, and what is put between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from pipeline.world.books import Dice

FRONT = 2  # title and author: nothing is put between them or before the first heading


@dataclass(frozen=True)
class Piece:
    """A paragraph."""

    clean: str  # as perfect cleaning leaves it
    printed: str  # as it stood before dirt fell on it: what is private is not yet masked
    bits: float  # what the clean text costs


@dataclass(frozen=True)
class Insert:
    """A paragraph that stands after a book's own paragraph `after`, counted from 0."""

    after: int
    piece: Piece


def plain(text: str, bits: float) -> Piece:
    """A paragraph with nothing private in it."""
    return Piece(text, text, bits)


def placed(piece: Piece, pieces: Sequence[Piece], dice: Dice) -> Insert:
    """The piece at a uniform place behind the first heading; the choice is part of its bits."""
    places = len(pieces) - FRONT
    return Insert(FRONT + dice.below(places), Piece(piece.clean, piece.printed, piece.bits + log2(places)))


def assembled(pieces: Sequence[Piece], inserts: Sequence[Insert]) -> list[Piece]:
    """A book's own paragraphs with the others between them; in a shorter edition a place beyond the end is the end."""
    behind: dict[int, list[Piece]] = {}
    for insert in inserts:
        behind.setdefault(min(insert.after, len(pieces) - 1), []).append(insert.piece)
    return [one for place, piece in enumerate(pieces) for one in (piece, *behind.get(place, []))]
