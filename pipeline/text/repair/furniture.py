"""Remove page furniture: page numbers, running heads.

Each repair leaves PAGE in place of a removed line, so that the paragraph around it can be joined again.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, islice, pairwise

from pipeline.text.repair.characters import PAGE

_NUMBER = re.compile(
    r"(?P<open>[-–—~*=_\[({<| .]*)(?P<word>page|pg|p|seite)?[. ]*(?P<number>[0-9]{1,4})(?:[ ]*(?:of|/)[ ]*[0-9]{1,4})?"
    r"(?P<close>[-–—~*=_\])}>| .]*)",
    re.IGNORECASE | re.ASCII,
)
_INLINE = re.compile(r"([ ]*)\[(?:Pg|Page|pp?)\.?[ ]?(?:[0-9]{1,4}|[ivxlc]{1,8})\]([ ]*)", re.IGNORECASE | re.ASCII)
_NUMBER_LENGTH = 40  # characters of a stripped line
_LOWER = bytes(byte | 32 if 65 <= byte <= 90 else byte if byte >= 128 or 97 <= byte <= 122 or byte == 10 else 32 for byte in range(256))
_CHAPTER = re.compile(rb"(?:chapter|book|part|letter|stave)? *(?:[0-9]{1,3}|[ivxlcIVXLC]{1,8})[.:)] +(.{2,80})", re.IGNORECASE)
_ENDED = re.compile(r"[.!?:;\"')\]*—-]\Z")
_PUNCTUATED = re.compile(r"[.,!?:;][\"')\]]*\Z")
_RISING = 0.8  # share of the numbers that must rise from page to page
_PAGE_LINES = 70  # text lines of a long page: numbers further apart are chapters or years
_BARE_GAP = (400, 6_000)  # characters between bare numbers: less is a verse, more a chapter
_YEARS = (1000, 2100)  # numbers that may be years, heading diary entries
_HEAD_LENGTH = 80  # characters
_HEAD_TIMES = 3  # occurrences from which a short line is a running head
_NAMED_TIMES = 2  # occurrences of title and author, together, from which they are running heads
_CUTS = 0.3  # share of the occurrences that must interrupt a sentence, or be next to a page mark
_EVEN_TIMES = 4  # occurrences from which even distances are evidence
_EVEN = 1.6  # factor by which a page may be longer or shorter than the median
_MIN_PAGE, _MAX_PAGE = 800, 8_000  # characters between occurrences of a head: one page, or two if left and right differ


def page_numbers(text: str) -> tuple[str, int]:
    """Remove lines with only a page number, and marks like [Pg 12].

    Numbers are page numbers only if they rise through the text at page distance: all of them, or the framed ones (- 12 -, Page 12).
    """
    lines = text.split("\n")
    found = [
        (place, match)
        for place, line in enumerate(lines)
        if 0 < len(short := line.strip(" \f")) <= _NUMBER_LENGTH and (match := _NUMBER.fullmatch(short))
    ]
    numbered = [(place, int(match["number"])) for place, match in found]
    framed = [(place, int(match["number"])) for place, match in found if match["word"] or _is_frame(match["open"], match["close"])]
    framed = framed if any(match["word"] for _, match in found) or _is_spaced(lines, framed) else []
    pages = framed if _rises(framed) else numbered if _rises(numbered) and _are_pages(lines, numbered) else []
    if pages is framed and len(numbered) > len(framed) and _rises(numbered) and _are_pages(lines, numbered):
        pages = numbered
    for place, _ in pages:
        lines[place] = PAGE
    count = len(pages)
    if "[P" in text or "[p" in text:
        for place, line in enumerate(lines):
            lines[place], marks = _INLINE.subn(_between, line) if "[" in line else (line, 0)
            count += marks
            if marks:
                lines[place] = (lines[place].strip(" ") and lines[place]) or PAGE
    return ("\n".join(lines), count) if count else (text, 0)


def _between(mark: re.Match[str]) -> str:
    """What stays of a page mark: a blank, if there was one on either side of it."""
    return " " if (mark[1] or mark[2]) and mark.start() and mark.end() < len(mark.string) else ""


def running_heads(text: str) -> tuple[str, int]:
    """Remove the short lines of title, author or chapter that are repeated at the top of pages.

    A line is a running head if it recurs, ignoring numbers, and repeats the title page or a chapter heading, or interrupts a sentence or is
    next to a page mark often enough, or recurs at even distances; what recurs more often than pages end is a refrain, a speaker name or the
    like. Formulas are not heads.
    """
    lines = text.split("\n")
    places: dict[bytes, list[int]] = {}
    for place, words in enumerate(text.encode().translate(_LOWER).split(b"\n")):
        if words and len(lines[place].strip(" \f")) <= _HEAD_LENGTH and (key := b" ".join(words.split())):
            places.setdefault(key, []).append(place)
    again = {key: left for key, found in places.items() if len(found) > 1 and len(left := _without_formulas(lines, found)) > 1}
    if not again:
        return text, 0
    first = list(islice((place for place, line in enumerate(lines) if line.strip(" \f")), 2))
    title = _title_page([lines[place] for place in first])
    named = [
        place
        for key in sorted(title & places.keys())
        for place in _without_formulas(lines, places[key])
        if _is_free(lines[place], place, first)
    ]
    taken = set(named) if _is_paged(lines, named) else set()
    for key, places_of_key in again.items():
        found = [place for place in places_of_key if _is_headlike(lines[place].strip(" \f"))] if key not in title else []
        if len(found) >= _HEAD_TIMES and _comes_with_pages(lines, found):
            taken |= set(found if _cut(lines, found[0], set(found)) else found[1:])  # the first may be the heading of the chapter
    if len(taken) >= _NAMED_TIMES:
        taken |= _chapter_heads(lines, text.encode().split(b"\n"), taken)
    for place in taken:
        lines[place] = PAGE
    return ("\n".join(lines), len(taken)) if taken else (text, 0)


def _key(line: bytes) -> bytes:
    """The words of a line, without case, digits and punctuation."""
    return b" ".join(line.translate(_LOWER).split())


def _is_free(line: str, place: int, first: Sequence[int]) -> bool:
    """Whether a line is not on the title page and ends like a head."""
    return place not in first and not _PUNCTUATED.search(line[-40:].rstrip())


def _is_headlike(line: str) -> bool:
    """Whether a line is not the end of a paragraph: no lower-case start, and in capitals or without final punctuation."""
    return not line[0].islower() and (line.isupper() or not _PUNCTUATED.search(line))


def _title_page(first: list[str]) -> set[bytes]:
    """Possible heads from the title page: the first two lines, separately and joined, as words; `by` before the author is optional."""
    words = [_key(line.encode()) for line in first if len(line) <= _HEAD_LENGTH]
    author = [line.removeprefix(b"by ") for line in words[1:]]
    return {*words, *author, *(b"%s %s" % (words[0], line) for line in author), *(b"%s by %s" % (words[0], line) for line in author)} - {
        b""
    }


def _chapter_heads(lines: list[str], raw: list[bytes], taken: set[int]) -> set[int]:
    """In a text with running heads, the lines in capitals that repeat the title of a chapter."""
    titles = {_key(match[1]) for line in raw if len(line) <= _HEAD_LENGTH and (match := _CHAPTER.match(line.strip()))}
    return {
        place
        for place, line in enumerate(lines)
        if place not in taken
        and 0 < len(line) <= _HEAD_LENGTH
        and line.isupper()
        and _key(raw[place]) in titles
        and not _CHAPTER.match(raw[place].strip())
    }


def _comes_with_pages(lines: list[str], found: list[int]) -> bool:
    """Whether these lines recur like pages."""
    own = set(found)
    if sum(_cut(lines, place, own) for place in found) >= _CUTS * len(found):
        return True
    if len(found) < _EVEN_TIMES or any(_ENDED.search(lines[place][-40:].rstrip()) or not _stands_alone(lines, place) for place in found):
        return False
    middle, even = _evenness(lines, found)
    return _MIN_PAGE <= middle <= _MAX_PAGE and even


def _is_paged(lines: list[str], found: list[int]) -> bool:
    """Whether lines recur no more often than pages, or enough of them interrupt a sentence or are next to a page mark."""
    own = set(found)
    middle = _evenness(lines, sorted(found))[0] if len(found) >= _NAMED_TIMES else _HEAD_LENGTH
    if not _HEAD_LENGTH <= middle < _MIN_PAGE:  # rows of the same line are not examined individually: keeps it linear
        return middle >= _MIN_PAGE
    return sum(_cut(lines, place, own) for place in found) >= _CUTS * len(found)


def _is_formula(line: str) -> bool:
    """Whether a line has an equals sign, or more digits and signs than letters."""
    return "=" in line or 2 * sum(map(str.isalpha, line)) < len(line) - line.count(" ")


def _without_formulas(lines: list[str], found: list[int]) -> list[int]:
    return [place for place in found if not _is_formula(lines[place])]


def _evenness(lines: list[str], found: Sequence[int]) -> tuple[int, bool]:
    """The median distance between lines, in characters, and whether the others are similar."""
    sums = [0, *accumulate(len(line) + 1 for line in lines)]
    lengths = [sums[later] - sums[earlier] for earlier, later in pairwise(found)]
    middle = sorted(lengths)[len(lengths) // 2]
    return middle, sum(middle <= _EVEN * length and length <= _EVEN * middle for length in lengths) >= _RISING * len(lengths)


def _stands_alone(lines: list[str], place: int) -> bool:
    """Whether a line has blank lines, page marks or the edge of the text on both sides."""
    return not any(lines[near].strip(" \f") for near in (place - 1, place + 1) if 0 <= near < len(lines))


def _is_frame(before: str, after: str) -> bool:
    """Whether a number is framed by marks."""
    marks = "-–—~*=_[({<|"
    return any(mark in before for mark in marks) and bool(after.strip(" ."))


def _rises(numbered: list[tuple[int, int]]) -> bool:
    """Whether numbers rise through the text at page distance."""
    if len(numbered) < 2 or (len(numbered) == 2 and numbered[1][1] != numbered[0][1] + 1):
        return False
    tails: list[int] = []  # longest strictly rising subsequence
    for _, number in numbered:
        place = bisect_left(tails, number)
        tails[place : place + 1] = [number]
    gaps = sorted(later - earlier for (earlier, _), (later, _) in pairwise(numbered))
    return len(tails) >= _RISING * len(numbered) and gaps[len(gaps) // 2] <= _PAGE_LINES


def _are_pages(lines: list[str], numbered: list[tuple[int, int]]) -> bool:
    """Whether rising bare numbers are page numbers, not verses, years, or chapters that begin at 1 and interrupt no sentence."""
    places = [place for place, _ in numbered]
    middle, even = _evenness(lines, places)
    if any(_cut(lines, place, set(places)) for place in places):
        return True
    years = all(_YEARS[0] <= number <= _YEARS[1] for _, number in numbered)
    return _BARE_GAP[0] <= middle <= _BARE_GAP[1] and even and not years and numbered[0][1] != 1


def _is_spaced(lines: list[str], numbered: list[tuple[int, int]]) -> bool:
    """Whether framed numbers are at page distance, or one of them interrupts a sentence."""
    places = [place for place, _ in numbered]
    return len(places) > 1 and (_evenness(lines, places)[0] >= _BARE_GAP[0] or any(_cut(lines, place, set(places)) for place in places))


def _cut(lines: list[str], place: int, own: set[int]) -> bool:
    before, by_mark = _neighbour(lines, place, -1, own)
    after, by_mark_too = _neighbour(lines, place, 1, own)
    if by_mark or by_mark_too:
        return True
    return bool(before and after) and not _ENDED.search(before[-40:].rstrip()) and after[0].islower()


def _neighbour(lines: list[str], place: int, step: int, own: set[int]) -> tuple[str, bool]:
    """The next line of text in a direction, and whether there is a page mark before it."""
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
