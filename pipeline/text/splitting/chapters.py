"""Split texts that are too long for one document where chapters begin, or else between paragraphs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.text.headings import is_heading

_LEVELS = 3  # volume, book, chapter: more consecutive headings are a table of contents, of which the last are used


@dataclass(frozen=True)
class Chunk:
    """Consecutive paragraphs of a text."""

    start: int
    stop: int  # exclusive
    heading: str | None  # of the chapter in which it begins; consecutive headings (book, chapter) are joined by a comma


def split_into_chunks(paragraphs: Sequence[str], *, max_characters: int) -> list[Chunk]:
    """Chunks of as many whole chapters as fit into `max_characters`.

    A longer chapter is split between paragraphs; a paragraph is never split. Joined by blank lines the chunks are the text.
    """
    sizes = [len(paragraph) + 2 for paragraph in paragraphs]  # with the following blank line
    starts, headings, filled = [0], [], 0
    for chapter in _chapters(paragraphs):
        size = sum(sizes[chapter.start : chapter.stop])
        units = [(chapter.start, size)] if size <= max_characters + 2 else list(enumerate(sizes))[chapter.start : chapter.stop]
        for place, more in units:
            begins = size if place == chapter.start else more  # a long chapter starts a new chunk, then continues by paragraphs
            if filled and filled + begins > max_characters + 2:
                starts.append(place)
                filled = 0
            filled += more
        headings += [chapter.heading] * (chapter.stop - chapter.start)
    return [Chunk(start, stop, headings[start]) for start, stop in pairwise([*starts, len(paragraphs)])]


def _chapters(paragraphs: Sequence[str]) -> Iterator[Chunk]:
    """The text before the first heading, and each chapter."""
    is_start = [is_heading(paragraph) for paragraph in paragraphs]
    begins = [place for place, start in enumerate(is_start) if start and not (place and is_start[place - 1])]
    bounds = [*begins, len(paragraphs)]
    if bounds[0]:
        yield Chunk(0, bounds[0], None)
    for start, stop in pairwise(bounds):
        words = next((place for place in range(start, stop) if not is_start[place]), stop)
        yield Chunk(start, stop, ", ".join(paragraphs[max(start, words - _LEVELS) : words]))
