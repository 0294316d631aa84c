"""Remove pages that were scanned twice."""

from itertools import pairwise

from pipeline.text.repair.characters import PAGE

_LINES, _WRAPPED_LINES = 3, 6  # minimum of a page: paragraphs, or lines if hard-wrapped
_CHARACTERS = 250  # minimum of a page: a refrain is shorter


def duplicate_pages(text: str) -> tuple[str, int]:
    """Remove the second copy of a run of lines that occurs twice in a row; counts copies.

    Three or more in a row are a repetitive text, not a page, and stay.
    """
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if line.strip(" \f")]
    said = [lines[place].strip(" \f") for place in places]
    latest: dict[str, int] = {}
    gone: list[tuple[int, int]] = []
    differs: dict[int, int] = {}  # by distance, the latest row known to differ from the row at that distance
    row, floor = 0, 0  # rows before the floor are already compared
    while row < len(said):
        earlier = latest.get(said[row], -1)
        length = row - earlier
        if earlier >= floor and differs.get(length, -1) < earlier and _is_page(said, places, earlier, length, differs):
            if _run(said, earlier, length) < 2 * length:
                gone.append((places[row - 1] + 1, places[row + length - 1] + 1))
                floor = row = row + length
            else:
                floor = row = _end(said, earlier, length)
            continue
        latest[said[row]] = row
        row += 1
    for start, stop in reversed(gone):
        lines[start:stop] = [PAGE] if not any(line.strip(" \f") for line in lines[start:stop]) else []
    return ("\n".join(lines), len(gone)) if gone else (text, 0)


def _is_page(said: list[str], places: list[int], earlier: int, length: int, differs: dict[int, int]) -> bool:
    """Whether a page of `length` rows is at `earlier` and again right after it."""
    later = earlier + length
    page = said[earlier:later]
    for place in range(earlier, later):
        if place + length >= len(said) or said[place] != said[place + length]:
            differs[length] = place
            return False
    if len(set(page)) < _LINES:
        return False
    close = sum(after - before == 1 for before, after in pairwise(places[earlier:later]))  # lines without a blank line in between
    least = _WRAPPED_LINES if 2 * close > length - 1 else _LINES
    return length >= least and sum(map(len, page)) >= _CHARACTERS


def _end(said: list[str], start: int, length: int) -> int:
    """The end of the rows that repeat, at distance `length`, those from the start on."""
    stop = start + length
    while stop < len(said) and said[stop] == said[stop - length]:
        stop += 1
    return stop


def _run(said: list[str], start: int, length: int) -> int:
    """How many rows around the start, up to twice the length to either side, recur at that distance."""
    stop = start
    while stop + length < len(said) and stop - start < 2 * length and said[stop] == said[stop + length]:
        stop += 1
    first = start
    while first > 0 and start - first < 2 * length and said[first - 1] == said[first - 1 + length]:
        first -= 1
    return stop - first
