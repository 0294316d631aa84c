"""Blocks whose lines stay as they are: code between fences, and tables, as Markdown has them (CommonMark 0.31.2, 4.5; GitHub's tables).

Repairs are made for prose: they would join such lines, take __names__ for italics and bend quotes. While they work, each block stands
aside as one character. Code that is merely indented looks like a quotation in a book, and is taken for one.
"""

import re
from collections.abc import Iterator
from itertools import islice

_PLANES = (0xF0000, 0x100000)  # of private characters: a text that has some of one leaves the other
_MOST = 0xFFFD  # blocks
_FENCE = re.compile(r"[\u200b\u2060\ufeff]* {0,3}(`{3,}(?=[^`]*$)|~{3,})")  # controls go later
_RULE = frozenset("|-: \t")  # what stands below the heads of a table's columns
_NEWLINE = re.compile(r"\r{0,2}\n|\r")


def set_aside(text: str) -> tuple[str, dict[str, str]]:
    """The text with a character, a paragraph of its own, in the place of each block; and the blocks by these, with blank lines single."""
    if "```" not in text and "~~~" not in text and not ("|" in text and "-" in text):
        return text, {}
    plane = next((plane for plane in _PLANES if not _characters(plane).search(text)), None)
    if plane is None:
        return text, {}
    lines = _NEWLINE.split(text)
    blocks: dict[str, str] = {}
    last = 0
    pieces: list[str] = []
    for start, stop in islice(_blocks(lines), _MOST):
        name = chr(plane + len(blocks))
        pieces += [*lines[last:start], "", name, ""]
        blocks[name] = "\n".join(_with_single_blanks(lines[start:stop]))
        last = stop
    return ("\n".join([*pieces, *lines[last:]]), blocks) if blocks else (text, {})


def put_back(text: str, blocks: dict[str, str]) -> str:
    """The text with the blocks in their places, each between blank lines."""
    if not blocks:
        return text
    first = min(blocks)
    pieces = _characters(ord(first)).split(text)  # prose and names in turn
    last = len(pieces) - 1
    whole = [
        blocks.get(piece, "") if place % 2 else _trimmed(piece, left=place > 0, right=place < last) for place, piece in enumerate(pieces)
    ]
    return "\n\n".join(piece for piece in whole if piece)


def _characters(plane: int) -> re.Pattern[str]:
    return re.compile(f"([{chr(plane)}-{chr(plane + _MOST)}])")


def _trimmed(prose: str, *, left: bool, right: bool) -> str:
    """Without the white space that borders on blocks."""
    prose = prose.lstrip() if left else prose
    return prose.rstrip() if right else prose


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Where blocks begin and end. What follows a fence that is never closed is prose."""
    place = 0
    while place < len(lines):
        stop = place
        if fence := _FENCE.match(lines[place]):
            stop = _end_of_code(lines, place, fence[1])
            if stop == place:
                return
        elif place + 1 < len(lines) and "|" in lines[place] and _is_rule(lines[place + 1]):
            stop = next((end for end in range(place + 2, len(lines)) if not lines[end].strip() or _FENCE.match(lines[end])), len(lines))
        if stop > place:
            yield place, stop
        place = max(stop, place + 1)


def _end_of_code(lines: list[str], place: int, fence: str) -> int:
    """Behind the line that closes a fence; the fence's own place where none does."""
    for end in range(place + 1, len(lines)):
        line = lines[end].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return end + 1
    return place


def _is_rule(line: str) -> bool:
    return "|" in line and "-" in line and _RULE.issuperset(line)


def _with_single_blanks(lines: list[str]) -> list[str]:
    stripped = [line.rstrip() for line in lines]
    return [line for place, line in enumerate(stripped) if line or not place or stripped[place - 1]]
