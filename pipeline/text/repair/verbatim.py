"""Blocks whose lines stay as they are: code between fences, and tables, as Markdown has them (CommonMark 0.31.2, 4.5; GitHub's tables).

Repairs are made for prose: they would join such lines, take __names__ for italics and bend quotes. While they work, each block stands
aside as one character. Code that is merely indented looks like a quotation in a book, and is taken for one.
"""

import re
from collections.abc import Iterator

_FIRST, _LAST = 0xF0000, 0xFFFFD  # a private plane: no text has such characters
_ASIDE = re.compile(rf"\s*([{chr(_FIRST)}-{chr(_LAST)}])\s*")
_SIGNS = ("```", "~~~", "-|", "- |", "|-", "| -", ":|", ": |", "|:", "| :")  # one stands in every block
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_RULE = frozenset("|-: \t")  # what stands below the heads of a table's columns
_BORDER = re.compile(r"\n{3,}")  # of two blocks that touch
_NEWLINE = re.compile(r"\r\n?|\n")


def set_aside(text: str) -> tuple[str, list[str]]:
    """The text with a character, a paragraph of its own, in the place of each block; and the blocks, with blank lines single."""
    if not any(sign in text for sign in _SIGNS) or _ASIDE.search(text):
        return text, []
    lines = _NEWLINE.split(text)
    blocks: list[str] = []
    last = 0
    pieces = []
    for start, stop in _blocks(lines):
        pieces += [*lines[last:start], "", chr(_FIRST + len(blocks)), ""]
        blocks.append("\n".join(_with_single_blanks(lines[start:stop])))
        last = stop
        if len(blocks) > _LAST - _FIRST:
            break
    return ("\n".join([*pieces, *lines[last:]]), blocks) if blocks else (text, [])


def put_back(text: str, blocks: list[str]) -> str:
    """The text with the blocks in their places, each between blank lines."""
    if not blocks:
        return text
    back = _ASIDE.sub(lambda found: f"\n\n{blocks[ord(found[1]) - _FIRST]}\n\n", text)
    return _BORDER.sub("\n\n", back).strip("\n")


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
            stop = next((end for end in range(place + 2, len(lines)) if not lines[end].strip()), len(lines))
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
