"""What a page prints around its text: page numbers, running heads.

Each repair leaves PAGE where it took a line, so that the paragraph around it can be closed again.
"""

import re
from bisect import bisect_left
from itertools import pairwise

from pipeline.text.characters import PAGE

_NUMBER = re.compile(
    r"(?P<open>[-–—~*=_\[({<| .]*)(?P<word>page|pg|p|seite)?[. ]*(?P<number>\d{1,4})(?:[ ]*(?:of|/)[ ]*\d{1,4})?"
    r"(?P<close>[-–—~*=_\])}>| .]*)",
    re.IGNORECASE,
)
_INLINE = re.compile(r"[ ]?(?:\[(?:Pg|Page|p)\.?[ ]?\d{1,4}\])")
_WORDS = re.compile(r"[^\W\d_]+")
_ENDED = re.compile(r"[.!?:;\"')\]*—-]\s*$")
_PUNCTUATED = re.compile(r"[.,!?:;][\"')\]]*\s*$")
_RISING = 0.8  # share of the numbers that must rise from page to page
_PAGE_LINES = 70  # text lines of a long page: numbers further apart are chapters or years
_HEAD_LENGTH = 80  # characters
_HEAD_TIMES = 3  # occurrences from which a short line is a running head
_NAMED_TIMES = 2  # occurrences of title and author, together, from which they are running heads
_CUTS = 0.3  # share of the occurrences that must cut a sentence in two, or stand by a page mark
_TITLE_LINES = 12
_EVEN_TIMES = 4  # occurrences from which even distances tell something
_EVEN = 1.6  # factor by which a page may be longer or shorter than the middle one
_MIN_PAGE, _MAX_PAGE = 800, 8_000  # characters from one head to its next: a page, or two where left and right differ


def page_numbers(text: str) -> tuple[str, int]:
    """Without lines that hold only a page's number, and marks such as [Pg 12].

    Numbers are of pages only where they rise through the text at a page's distance: all of them, or those in a frame (- 12 -, Page 12).
    """
    text, count = _INLINE.subn("", text) if "[P" in text or "[p" in text else (text, 0)
    lines = text.split("\n")
    found = [(place, match) for place, line in enumerate(lines) if 0 < len(line) < 40 and (match := _NUMBER.fullmatch(line))]
    numbered = [(place, int(match["number"])) for place, match in found]
    framed = [(place, int(match["number"])) for place, match in found if match["word"] or _is_frame(match["open"], match["close"])]
    places = [place for place, _ in next((pages for pages in (numbered, framed) if _rises(pages)), [])]
    for place in places:
        lines[place] = PAGE
    return ("\n".join(lines) if places else text), count + len(places)


def running_heads(text: str) -> tuple[str, int]:
    """Without the short lines, of title, author or chapter, that are repeated at the head of pages.

    A line is one when it comes again and again, its numbers apart, and repeats the title page, or cuts a sentence in two or stands
    by a page mark often enough, or comes at even distances.
    """
    lines = text.split("\n")
    places: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        if 0 < len(line) <= _HEAD_LENGTH and (key := " ".join(_WORDS.findall(line)).casefold()):
            places.setdefault(key, []).append(place)
    first = [place for place, line in enumerate(lines[:_TITLE_LINES]) if line.strip(" \f")][:2]
    title = _title_page([lines[place] for place in first])
    named = [place for key in title & places.keys() for place in places[key] if place not in first and not _PUNCTUATED.search(lines[place])]
    taken = named if len(named) >= _NAMED_TIMES or any(_cut(lines, place, set(named)) for place in named) else []
    for key, found in places.items():
        if key not in title and len(found) >= _HEAD_TIMES and _comes_with_pages(lines, found):
            taken += found if _cut(lines, found[0], set(found)) else found[1:]  # the first may be the chapter's own heading
    for place in taken:
        lines[place] = PAGE
    return ("\n".join(lines), len(taken)) if taken else (text, 0)


def _title_page(first: list[str]) -> set[str]:
    """What heads can say: the first two lines of a text, apart and together, as words; a `by` before the author may be missing."""
    words = [" ".join(_WORDS.findall(line)).casefold() for line in first if len(line) <= _HEAD_LENGTH]
    author = [line.removeprefix("by ") for line in words[1:]]
    return {*words, *author, *(f"{words[0]} {line}" for line in words[1:]), *(f"{words[0]} by {line}" for line in author)} - {""}


def _comes_with_pages(lines: list[str], found: list[int]) -> bool:
    """Whether these lines come as pages do."""
    own = set(found)
    if sum(_cut(lines, place, own) for place in found) >= _CUTS * len(found):
        return True
    if len(found) < _EVEN_TIMES or any(_ENDED.search(lines[place]) or not _stands_alone(lines, place) for place in found):
        return False
    lengths = [sum(map(len, lines[earlier:later])) for earlier, later in pairwise(found)]
    middle = sorted(lengths)[len(lengths) // 2]
    even = sum(middle <= _EVEN * length and length <= _EVEN * middle for length in lengths)
    return _MIN_PAGE <= middle <= _MAX_PAGE and even >= _RISING * len(lengths)


def _stands_alone(lines: list[str], place: int) -> bool:
    """Whether a line has blank ones, page marks or the rim of the text on both sides."""
    return not any(lines[near].strip(" \f") for near in (place - 1, place + 1) if 0 <= near < len(lines))


def _is_frame(before: str, after: str) -> bool:
    """Whether a number stands between marks that belong to it."""
    marks = "-–—~*=_[({<|"
    return any(mark in before for mark in marks) and bool(after.strip(" ."))


def _rises(numbered: list[tuple[int, int]]) -> bool:
    """Whether numbers climb through the text at a page's distance."""
    if len(numbered) < 2 or (len(numbered) == 2 and numbered[1][1] != numbered[0][1] + 1):
        return False
    tails: list[int] = []  # longest strictly rising subsequence
    for _, number in numbered:
        place = bisect_left(tails, number)
        tails[place : place + 1] = [number]
    gaps = sorted(later - earlier for (earlier, _), (later, _) in pairwise(numbered))
    return len(tails) >= _RISING * len(numbered) and gaps[len(gaps) // 2] <= _PAGE_LINES


def _cut(lines: list[str], place: int, own: set[int]) -> bool:
    before, by_mark = _neighbour(lines, place, -1, own)
    after, by_mark_too = _neighbour(lines, place, 1, own)
    if by_mark or by_mark_too:
        return True
    return bool(before and after) and not _ENDED.search(before) and after[0].islower()


def _neighbour(lines: list[str], place: int, step: int, own: set[int]) -> tuple[str, bool]:
    """The next line of text in a direction, and whether a page mark lies before it."""
    marked = False
    place += step
    while 0 <= place < len(lines):
        line = lines[place].strip(" ")
        if line == PAGE:
            marked = True
        elif line and place not in own:
            return line, marked
        place += step
    return "", marked
