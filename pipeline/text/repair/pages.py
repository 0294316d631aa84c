"""Pages that were scanned twice."""

from itertools import pairwise

from pipeline.text.repair.characters import PAGE

_LINES, _WRAPPED_LINES = 3, 6  # of the least page: paragraphs, or lines where they are hard-wrapped
_CHARACTERS = 250  # of the least page: a refrain is shorter


def duplicate_pages(text: str) -> tuple[str, int]:
    """Without the second copy of a run of lines that stands twice in a row; the count is of the copies.

    Three or more in a row are no page but a text that repeats itself, and stay.
    """
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if line.strip(" \f")]
    said = [lines[place].strip(" \f") for place in places]
    latest: dict[str, int] = {}
    gone: list[tuple[int, int]] = []
    row, floor = 0, 0  # before the floor lies what was compared already
    while row < len(said):
        earlier = latest.get(said[row], -1)
        if earlier >= floor and (length := _copied(said, places, earlier, row)):
            gone.append((places[row - 1] + 1, places[row + length - 1] + 1))
            floor = row = row + length
            continue
        latest[said[row]] = row
        row += 1
    for start, stop in reversed(gone):
        lines[start:stop] = [PAGE] if not any(line.strip(" \f") for line in lines[start:stop]) else []
    return ("\n".join(lines), len(gone)) if gone else (text, 0)


def _copied(said: list[str], places: list[int], earlier: int, later: int) -> int:
    """The length of the page that stands at both rows, one right after the other; 0 if none does."""
    length = later - earlier
    page = said[earlier:later]
    if page != said[later : later + length] or len(set(page)) < _LINES:
        return 0
    close = sum(after - before == 1 for before, after in pairwise(places[earlier:later]))  # lines with no blank one between
    least = _WRAPPED_LINES if 2 * close > length - 1 else _LINES
    if length < least or sum(map(len, page)) < _CHARACTERS:
        return 0
    return length if _run(said, earlier, length) < 2 * length else 0


def _run(said: list[str], start: int, length: int) -> int:
    """How many rows around the start, up to twice the length to either side, stand again at that distance."""
    stop = start
    while stop + length < len(said) and stop - start < 2 * length and said[stop] == said[stop + length]:
        stop += 1
    first = start
    while first > 0 and start - first < 2 * length and said[first - 1] == said[first - 1 + length]:
        first -= 1
    return stop - first
