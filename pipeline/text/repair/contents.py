"""Remove tables of contents before a text."""

import re
from collections import Counter
from itertools import islice, pairwise

_TITLE = re.compile(r"\W*(?:table of |the )?contents\W*", re.IGNORECASE | re.ASCII)
_COLUMNS = re.compile(r"(?:chapter|chap\.?|no\.?|part|book)?[ .]*(?:page|pg\.?|pages)[ .]*", re.IGNORECASE | re.ASCII)
_KIND = r"chapter|chap\.?|book|part|act|scene|letter|stave|volume|section|canto"
_KINDS = (
    "chapter",
    "chap.",
    "chap",
    "letter",
    "stave",
    "section",
    "canto",
    "scene",
)  # numbers restart in books, parts, volumes and acts
_ENTRY = re.compile(
    rf"(?P<kind>{_KIND})?(?P<sign>[ ]*(?P<number>[0-9]{{1,3}}|[ivxlcdm]{{1,9}}|(?<=[a-z.] )[a-z-]{{3,14}})(?:[.:)—-]+|(?=[ ]|$)))?[ ]*"
    r"(?P<title>.*?)(?P<leader>[ ]*[.…·_-][ .…·_-]{2,}|[ ]{2,})?[ ]*(?P<page>\b(?:[0-9]{1,4}|[ivxlc]{1,7}))?",
    re.IGNORECASE | re.ASCII,
)
_SPACED = re.compile(r"(?:[0-9]{1,3}|[IVXLC]{1,8})[ ]{2,}")
_NUMBER_ONLY = re.compile(r"[ ]*[0-9]{1,4}[ ]*")
_PLAIN = re.compile(r"[^\W\d_]+")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_LENGTH = 120  # characters of an entry
_FRONT = 0.35  # share of the text, or _LEAST characters, in which a table of contents may be
_LEAST = 6_000
_PAGED = 2  # entries with a page number, from which all entries must have one
_DOUBTFUL = 2  # consecutive lines that are not entries but names of parts, or the first half of an entry
_DOUBTFUL_PAGED = 6  # the same if a line that ends in a page number must follow
_SENTENCE = re.compile(r"[.!?][\"')]*\Z")
_ENTRY_LINES = 4  # maximum per entry
_ENTRIES = 2  # minimum of a table with a title
_TITLES = 20  # candidates for the title that are tried
_UNTITLED = 3  # minimum entries of a table without a title


def contents(text: str) -> tuple[str, int]:
    """Remove the list of chapters before the text; counts its lines.

    Under the title `Contents`, entries are headings, numbered lines and lines that end in a page number, up to the first repeated one;
    without a title, only a run of three or more lines that end in dots and rising numbers, or that all recur as headings.
    """
    lines = text.split("\n")
    front = _front(lines, max(_LEAST, int(_FRONT * len(text))))
    titles = (place for place in range(front) if len(lines[place]) <= _LENGTH and _TITLE.fullmatch(lines[place]))
    for place in islice(titles, _TITLES):
        taken = _entries(lines, place + 1)
        if len(taken) >= _ENTRIES:
            return _without(lines, [place, *taken])
    taken = _untitled(lines, front)
    return _without(lines, taken) if taken else (text, 0)


def _front(lines: list[str], characters: int) -> int:
    """The number of lines within the first characters."""
    for place, line in enumerate(lines):
        characters -= len(line) + 1
        if characters < 0:
            return place
    return len(lines)


def _without(lines: list[str], taken: list[int]) -> tuple[str, int]:
    for place in taken:
        lines[place] = ""
    return "\n".join(lines), len(taken)


def _entries(lines: list[str], start: int) -> list[int]:
    """The line numbers of a table that begins at a line: entries, and a few other lines in between."""
    taken: list[int] = []
    doubtful: list[int] = []
    names: set[tuple[str, str]] = set()
    later = Counter(line.strip(" \f") for line in lines[start:] if 0 < len(line) <= _LENGTH)
    pages, first = 0, start  # entries with a page number: if there are some, lines without are no entries; the line of the latest
    for place in range(start, len(lines)):
        line = lines[place].strip(" \f")
        if not line or _NUMBER_ONLY.fullmatch(line) or (not taken and _COLUMNS.fullmatch(line)):
            doubtful += [place] if line else []
            continue
        name, paged, headed = _read(line)
        again = any(_is_same(name, other) for other in names)
        later[line] -= 1
        follows = bool(taken) and taken[-1] == place - 1 and place - first < _ENTRY_LINES  # the previous entry continues in this line
        if len(line) > _LENGTH or (again and not paged):
            break
        if paged or (pages < _PAGED and (headed or later[line] > 0)):
            names.add(name)
            taken += [*doubtful, place]
            doubtful, first = [], place
            pages += paged
        elif follows:
            taken.append(place)
        elif len(doubtful) < (_DOUBTFUL_PAGED if pages >= _PAGED else _DOUBTFUL) and not _SENTENCE.search(line[-40:]):
            doubtful.append(place)
        else:
            break
    return taken


def _is_same(name: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether a heading is that of an entry: the same title and, if both are numbered, the same number; or only the number."""
    if name[1] in _KINDS and name[0]:
        return name[0] == other[0]
    return name[1] == other[1] and (name[0] == other[0] or not name[0] or not other[0])


def _read(line: str) -> tuple[tuple[str, str], bool, bool]:
    """The name of an entry (number, title), whether it ends in a page number, whether it begins like a heading."""
    found = _ENTRY.fullmatch(line)
    if not found:
        return ("", " ".join(_PLAIN.findall(line)).lower()), False, False
    title = " ".join(_PLAIN.findall(found["title"])).lower()
    paged = bool(found["page"] and found["leader"]) and bool(title or found["kind"])
    numbered = bool(found["sign"] and (found["kind"] or found["sign"].strip()[-1:] in ".:)" or _SPACED.match(line)))
    name = title or (found["kind"] or "").lower()
    return (_value((found["number"] or "").lower()), name.strip()), paged, numbered


def _value(number: str) -> str:
    """A decimal or Roman number in digits; other words unchanged."""
    if not number or set(number) - set(_ROMAN):
        return number
    values = [_ROMAN[letter] for letter in number]
    return str(sum(-value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)))


def _untitled(lines: list[str], front: int) -> list[int]:
    """The line numbers of the first run that is a table without a title."""
    run: list[int] = []
    pages: list[int] = []
    for place in range(front):
        line = lines[place].strip(" \f")
        if not line:
            continue
        found = _ENTRY.fullmatch(line) if len(line) <= _LENGTH and line[-1].isdigit() else None
        if found and found["page"] and found["page"].isdigit() and found["leader"] and _PLAIN.search(found["title"]):
            page = int(found["page"])
            if not pages or page >= pages[-1]:
                run.append(place)
                pages.append(page)
                continue
        if len(run) >= _UNTITLED:
            break
        run, pages = [], []
    return run if len(run) >= _UNTITLED else _repeated(lines, front)


def _repeated(lines: list[str], front: int) -> list[int]:
    """A run of lines at the front, each of which recurs below the run, in the same order, as a line between blank ones."""
    said = {line.strip(" \f") for line in lines if 0 < len(line) <= _LENGTH}
    latest = {line.strip(" \f"): place for place, line in enumerate(lines) if line.strip(" \f") in said}
    run: list[int] = []
    for place in range(front):
        line = lines[place].strip(" \f")
        if not line:
            continue
        below = latest.get(line, -1)
        if below > place and (not run or below > latest[lines[run[-1]].strip(" \f")]):
            run.append(place)
        elif _is_table(lines, run, latest):
            return run
        else:
            run = []
    return []


def _is_table(lines: list[str], run: list[int], latest: dict[str, int]) -> bool:
    """Whether recurring lines are headings: there is text between their recurrences, and none between themselves."""
    if len(run) < _UNTITLED:
        return False
    below = [latest[lines[place].strip(" \f")] for place in run]
    headings = sum(bool(_read(lines[place].strip(" \f"))[2]) for place in run)
    return below[0] > run[-1] and headings * 2 >= len(run) and all(later - earlier > 2 for earlier, later in pairwise(below))
