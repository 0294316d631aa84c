"""Other editions of a book: a few sentences told anew, perhaps a paragraph left out."""

from dataclasses import replace

import numpy as np

from pipeline.world.books import Book, Chapter, Dice, Paragraph, Writer

SHINGLE = 5  # words
NEAR = 0.8  # Jaccard similarity of word shingles from which two texts count as copies
MILDER = 0.7  # factor on the share when an edition strayed too far


def edition(writer: Writer, book: Book, *, rewritten: float, draw: np.random.Generator) -> Book:
    """A near copy: another text of the same grammar whose similarity to the book is at least NEAR and below 1.

    `rewritten` is the share of the sentences told anew; it shrinks until the copy is near enough.
    """
    dice = Dice(draw)
    text = book.text
    while True:
        copy = _retold(writer, book, rewritten, dice)
        if text != copy.text and similarity(text, copy.text) >= NEAR:
            return copy
        rewritten = max(rewritten * MILDER, 0.005)


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the sets of word shingles, 0..1."""
    first, second = _shingles(one), _shingles(other)
    return len(first & second) / max(1, len(first | second))


def _retold(writer: Writer, book: Book, share: float, dice: Dice) -> Book:
    chapters = [
        replace(chapter, paragraphs=tuple(_paragraph(writer, paragraph, share, dice) for paragraph in chapter.paragraphs))
        for chapter in book.chapters
    ]
    chosen = dice.below(len(chapters))
    if len(chapters[chosen].paragraphs) > writer.shape.paragraphs[0]:
        chapters[chosen] = _without_one(chapters[chosen], dice)
    return replace(book, chapters=tuple(chapters))


def _paragraph(writer: Writer, paragraph: Paragraph, share: float, dice: Dice) -> Paragraph:
    opening, *others = paragraph.sentences
    told = [writer.sentence(paragraph.cast, dice) if dice() < share else sentence for sentence in others]
    return replace(paragraph, sentences=(opening, *told))


def _without_one(chapter: Chapter, dice: Dice) -> Chapter:
    gone = dice.below(len(chapter.paragraphs))
    return replace(chapter, paragraphs=chapter.paragraphs[:gone] + chapter.paragraphs[gone + 1 :])


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(zip(*(words[start:] for start in range(SHINGLE)), strict=False))
