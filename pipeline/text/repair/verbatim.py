"""Protect blocks whose lines must stay: fenced code, Markdown tables (CommonMark 0.31.2, 4.5; GitHub tables) and code without fences.

Repairs are made for prose: they would join such lines, take __names__ for italics and change quotes. So each block is replaced by one
private-use character meanwhile. Lines that are merely indented may be a quotation in a book; `code` tells what is evidence of code.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from pipeline.text.repair.code import code_ranges

_PLANES = (0xF0000, 0x100000)  # private-use planes: if a text uses one, the other is used
_MOST = 0xFFFD  # blocks
_FENCE = re.compile(r"[\u200b\u2060\ufeff]* {0,3}(`{3,}(?=[^`]*$)|~{3,})")  # controls are removed later
_RULE = frozenset("|-: \t")  # characters of the rule below a table head
_NEWLINE = re.compile(r"\r{0,2}\n|\r")


def extract_blocks(text: str, *, code: bool) -> tuple[str, dict[str, str]]:
    """Replace each block by a character in its own paragraph; returns the text and the blocks by character, without blanks at line ends.

    `code`: the text may have code without fences.
    """
    fenced = "```" in text or "~~~" in text or ("|" in text and "-" in text)
    if not fenced and not code:
        return text, {}
    plane = next((plane for plane in _PLANES if not _characters(plane).search(text)), None)
    if plane is None:
        return text, {}
    lines = _NEWLINE.split(text)
    blocks: dict[str, str] = {}
    last = 0
    pieces: list[str] = []
    found = list(_blocks(lines)) if fenced else []
    for start, stop in islice(_with_code(lines, found) if code else found, _MOST):
        name = chr(plane + len(blocks))
        pieces += [*lines[last:start], "", name, ""]
        blocks[name] = "\n".join(line.rstrip() for line in lines[start:stop])
        last = stop
    return ("\n".join([*pieces, *lines[last:]]), blocks) if blocks else (text, {})


def restore_blocks(text: str, blocks: dict[str, str]) -> str:
    """Put the blocks back, each between blank lines."""
    if not blocks:
        return text
    first = min(blocks)
    pieces = _characters(ord(first)).split(text)  # alternating prose and names
    last = len(pieces) - 1
    whole = [
        blocks.get(piece, "") if place % 2 else _trimmed(piece, left=place > 0, right=place < last) for place, piece in enumerate(pieces)
    ]
    return "\n\n".join(piece for piece in whole if piece)


def _characters(plane: int) -> re.Pattern[str]:
    return re.compile(f"([{chr(plane)}-{chr(plane + _MOST)}])")


def _trimmed(prose: str, *, left: bool, right: bool) -> str:
    """Strip the white space next to blocks."""
    prose = prose.lstrip() if left else prose
    return prose.rstrip() if right else prose


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Start and end of blocks. Text after an unclosed fence is prose."""
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


def _with_code(lines: list[str], found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The blocks, and the code without fences between them."""
    edges = [(0, 0), *found, (len(lines), len(lines))]
    for (_, before), (start, stop) in pairwise(edges):
        yield from ((before + first, before + last) for first, last in code_ranges(lines[before:start]))
        if stop > start:
            yield start, stop


def _end_of_code(lines: list[str], place: int, fence: str) -> int:
    """The line after the closing fence; `place` if there is none."""
    for end in range(place + 1, len(lines)):
        line = lines[end].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return end + 1
    return place


def _is_rule(line: str) -> bool:
    return "|" in line and "-" in line and _RULE.issuperset(line)
