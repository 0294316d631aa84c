"""Split texts that are too long for one document where chapters begin, or else between paragraphs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LONGEST_HEADING = 100  # characters
_LEVELS = 3  # volume, book, chapter: more consecutive headings are a table of contents, of which the last are used
_FIRST = frozenset("#0123456789ABCEILPSVX")  # first characters of a heading
_HEADING = re.compile(
    r"""\#{1,6}[ ]\S.*
      | (?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|STAVE|Stave|LETTER|Letter|ACT|Act|SCENE|Scene|CANTO|Canto)[ ]
        (?: [IVXLCDM]+ | [ivxlcdm]+ | \d+ | (?i: the[ ](?:first|last|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)
          | one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | first | second | third | fourth | last
          | (?:thir|four|fif|six|seven|eigh|nine)teen | (?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[- ][a-z]+)? ) )
        (?: [.:,]?$ | [.:]?[ ]?[-–—]{1,2}[ ]?.* | [.:][ ].* | [ ][A-Z"'].* )
      | (?:PROLOGUE|Prologue|EPILOGUE|Epilogue|PREFACE|Preface|INTRODUCTION|Introduction|CONCLUSION|Conclusion|APPENDIX|Appendix)[.]?
      | [IVXLC]{1,7}[.]? | \d{1,3}[.]?
      | [IVXLC]{1,7}[.][ ][A-Z"'].*[^.!?;:,"']""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Chunk:
    """Consecutive paragraphs of a text."""

    start: int
    stop: int  # exclusive
    heading: str | None  # of the chapter in which it begins; consecutive headings (book, chapter) are joined by a comma


def is_heading(paragraph: str) -> bool:
    """Whether a paragraph is a chapter heading: "CHAPTER I. Title", "Book Two", "XIV.", "# Title"."""
    return len(paragraph) <= _LONGEST_HEADING and paragraph[:1] in _FIRST and _HEADING.fullmatch(paragraph) is not None


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
