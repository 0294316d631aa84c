"""Near copies of a book: other editions with a few rewritten sentences and perhaps a missing paragraph."""

from dataclasses import replace

import numpy as np

from pipeline.world.books import Book, Chapter, Paragraph, Rng, Writer

SHINGLE = 5  # words
NEAR = 0.8  # Jaccard similarity of word shingles from which two texts are near copies
SHRINK = 0.7  # factor on the share if an edition is too different


def edition(writer: Writer, book: Book, *, rewritten: float, generator: np.random.Generator) -> Book:
    """A near copy, whose similarity to the book is at least NEAR and below 1.

    `rewritten` is the share of rewritten sentences; it shrinks until the copy is similar enough.
    """
    rng = Rng(generator)
    text = book.text
    while True:
        copy = _rewritten(writer, book, rewritten, rng)
        if text != copy.text and similarity(text, copy.text) >= NEAR:
            return copy
        rewritten = max(rewritten * SHRINK, 0.005)


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of the sets of word shingles, 0..1."""
    first, second = _shingles(one), _shingles(other)
    return len(first & second) / max(1, len(first | second))


def _rewritten(writer: Writer, book: Book, share: float, rng: Rng) -> Book:
    chapters = [
        replace(chapter, paragraphs=tuple(_paragraph(writer, paragraph, share, rng) for paragraph in chapter.paragraphs))
        for chapter in book.chapters
    ]
    chosen = rng.below(len(chapters))
    if len(chapters[chosen].paragraphs) > writer.shape.paragraphs[0]:
        chapters[chosen] = _without_one(chapters[chosen], rng)
    return replace(book, chapters=tuple(chapters))


def _paragraph(writer: Writer, paragraph: Paragraph, share: float, rng: Rng) -> Paragraph:
    opening, *others = paragraph.sentences
    sentences = [writer.sentence(paragraph.cast, rng) if rng() < share else sentence for sentence in others]
    return replace(paragraph, sentences=(opening, *sentences))


def _without_one(chapter: Chapter, rng: Rng) -> Chapter:
    gone = rng.below(len(chapter.paragraphs))
    return replace(chapter, paragraphs=chapter.paragraphs[:gone] + chapter.paragraphs[gone + 1 :])


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(zip(*(words[start:] for start in range(SHINGLE)), strict=False))
