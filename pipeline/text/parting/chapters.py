"""Books stay books: a text that is too long for one document is cut where a chapter begins, or else between paragraphs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LONGEST_HEADING = 100  # characters
_LEVELS = 3  # volume, book, chapter: more headings in a row are a table of contents, of which the last are told
_FIRST = frozenset("#0123456789ABCEILPSVX")  # characters with which a heading begins
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
class Stretch:
    """Consecutive paragraphs of a text."""

    start: int  # the first
    stop: int  # behind the last
    heading: str | None  # of the chapter in which they begin; headings that follow each other (book, chapter) are joined by a comma


def is_heading(paragraph: str) -> bool:
    """Whether a paragraph begins a chapter: "CHAPTER I. Title", "Book Two", "XIV.", "# Title"."""
    return len(paragraph) <= _LONGEST_HEADING and paragraph[:1] in _FIRST and _HEADING.fullmatch(paragraph) is not None


def stretches(paragraphs: Sequence[str], *, longest: int) -> list[Stretch]:
    """The text in stretches of as many whole chapters as go into `longest` characters.

    A chapter that is longer by itself is cut between paragraphs; a paragraph is never cut. Joined by blank lines they are the text.
    """
    sizes = [len(paragraph) + 2 for paragraph in paragraphs]  # with the blank line behind it
    starts, headings, filled = [0], [], 0
    for chapter in _chapters(paragraphs):
        size = sum(sizes[chapter.start : chapter.stop])
        units = [(chapter.start, size)] if size <= longest + 2 else list(enumerate(sizes))[chapter.start : chapter.stop]
        for place, more in units:
            begins = size if place == chapter.start else more  # a long chapter begins on its own, then goes on paragraph by paragraph
            if filled and filled + begins > longest + 2:
                starts.append(place)
                filled = 0
            filled += more
        headings += [chapter.heading] * (chapter.stop - chapter.start)
    return [Stretch(start, stop, headings[start]) for start, stop in pairwise([*starts, len(paragraphs)])]


def _chapters(paragraphs: Sequence[str]) -> Iterator[Stretch]:
    """What stands before the first heading, and each chapter."""
    marks = [is_heading(paragraph) for paragraph in paragraphs]
    begins = [place for place, mark in enumerate(marks) if mark and not (place and marks[place - 1])]
    bounds = [*begins, len(paragraphs)]
    if bounds[0]:
        yield Stretch(0, bounds[0], None)
    for start, stop in pairwise(bounds):
        words = next((place for place in range(start, stop) if not marks[place]), stop)
        yield Stretch(start, stop, ", ".join(paragraphs[max(start, words - _LEVELS) : words]))
