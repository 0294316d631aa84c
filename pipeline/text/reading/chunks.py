"""Cut a text that is longer than a document may be into chunks.

Every cut lies in a window before a multiple of a step, at the best place of that window. So only what stands in the windows (and in
Markdown the fences before them) decides where a text is cut: neither where reading began, nor the blocks in which the text came, nor what
is added behind it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import IO, Literal, NamedTuple

from pipeline.text.headings import is_heading

Cut = Literal["heading", "paragraph", "code", "line", "blank", "character"]

_BLOCK = 1 << 20  # bytes
_LINE = rb"(?:\r\n?|\n)"
_BLANK_LINES = re.compile(_LINE + rb"(?:[ \t]*" + _LINE + rb")+")
_LINE_ENDS = re.compile(_LINE)
_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})([^\r\n]*)", re.MULTILINE)
_HEADING_BYTES = 512  # of a line that may be a heading


class Chunk(NamedTuple):
    """A part of a text."""

    row: int | None  # of the text in its file, from 1; None: the text is the file
    offset: int  # bytes from the start of the file
    raw: bytes
    ends_at: Cut | None  # what the cut behind it respects; None: the text ends


class Chunker:
    """Cuts a text, as its bytes arrive, into chunks of at most `max_bytes`; holds little more than one.

    The text is UTF-8, or in another encoding with the line ends and blanks of ASCII. In Markdown code between fences is kept whole where it
    can be.
    """

    def __init__(self, max_bytes: int, *, markdown: bool, row: int | None = None, at: int = 0, first: int = 0) -> None:
        """Of the text `row`, which begins at byte `at` of its file. From chunk `first` on, given the bytes from `read_from` on."""
        self._step, self._window = step_of(max_bytes)
        self._markdown, self._row, self._at = markdown, row, at
        self._held, self._mark = bytearray(), b""  # the mark of a fence within which the chunk begins
        self._number, self._skipping = first, first > 0  # the chunk that is held; whether what stands before it is held too
        self._begin = self.read_from = max(0, first * self._step - self._window)

    def add(self, raw: bytes) -> Iterator[Chunk]:
        """The chunks that are complete with these further bytes."""
        self._held += raw
        while self._begin + len(self._held) > (place := (self._number + (not self._skipping)) * self._step):
            stop = place - self._begin
            floor = max(0, stop - self._window)
            code = fenced(bytes(self._held[:stop]), self._mark) if self._markdown else []
            size, ends_at = best_cut(bytes(self._held[floor:stop]), [(begin - floor, end - floor) for begin, end, _ in code if end > floor])
            size += floor
            chunk = Chunk(self._row, self._at + self._begin, bytes(self._held[:size]), ends_at)
            self._mark = next((mark for begin, end, mark in code if begin < size < end), b"")
            del self._held[:size]
            self._begin += size
            if not self._skipping:
                self._number += 1
                yield chunk
            self._skipping = False

    def end(self) -> Iterator[Chunk]:
        """The last chunk."""
        if self._held and not self._skipping:
            yield Chunk(self._row, self._at + self._begin, bytes(self._held), None)


def chunks_of(file: IO[bytes], max_bytes: int, *, markdown: bool) -> Iterator[Chunk]:
    """The chunks of a file, which need not be seekable."""
    return _chunks(file, Chunker(max_bytes, markdown=markdown))


def chunks_between(file: IO[bytes], max_bytes: int, *, start: int, end: int) -> Iterator[Chunk]:
    """The chunks of a file, of plain text, whose steps begin in [start, end): those of adjacent ranges together are all of them."""
    step, _ = step_of(max_bytes)
    first, last = -(-start // step), -(-end // step)
    chunker = Chunker(max_bytes, markdown=False, first=first)
    file.seek(chunker.read_from)
    yield from islice(_chunks(file, chunker), last - first)


def step_of(max_bytes: int) -> tuple[int, int]:
    """The step and the window before each multiple of it, so that no chunk exceeds `max_bytes`."""
    window = max(1, max_bytes // 3)
    return max_bytes - window, window


def best_cut(window: bytes, code: list[tuple[int, int]]) -> tuple[int, Cut]:
    """Where to cut, as the size of what stands before it, and what kind of place that is.

    The last heading, else paragraph end outside of `code` (spans, ascending), else blank line in it, line end, blank, or at least the end
    of a character.
    """
    breaks = [found.end() for found in _BLANK_LINES.finditer(window)]
    begins = [begin for begin, _ in code]
    free = [place for place in breaks if not (before := bisect_left(begins, place)) or place >= code[before - 1][1]]
    headed = [_heading_at(window, place) for place in free]
    for turn in range(len(free) - 1, -1, -1):
        if headed[turn] and not (turn and headed[turn - 1] and _single(window[free[turn - 1] : free[turn]])):
            return free[turn], "heading"
    if breaks:
        return (free[-1], "paragraph") if free else (breaks[-1], "code")
    if last := max(window.rfind(b"\n"), window.rfind(b"\r")) + 1:
        return last, "line"
    if last := max(window.rfind(b" "), window.rfind(b"\t")) + 1:
        return last, "blank"
    return _character_end(window), "character"


def fenced(raw: bytes, mark: bytes) -> list[tuple[int, int, bytes]]:
    """Where fenced code begins and ends, and its mark (CommonMark 0.31, 4.5). The text begins within code if `mark` is not empty."""
    spans, opened = [], 0 if mark else -1
    for found in _FENCE.finditer(raw):
        if opened < 0 and not (found[1][:1] == b"`" and b"`" in found[2]):
            opened, mark = found.start(), found[1]
        elif opened >= 0 and found[1].startswith(mark) and not found[2].strip():
            spans.append((opened, found.end(), mark))
            opened = -1
    return [*spans, (opened, len(raw) + 1, mark)] if opened >= 0 else spans


def _chunks(file: IO[bytes], chunker: Chunker) -> Iterator[Chunk]:
    while block := file.read(_BLOCK):
        yield from chunker.add(block)
    yield from chunker.end()


def _heading_at(window: bytes, place: int) -> bool:
    """Whether a whole line there is a heading that is a paragraph."""
    line = window[place : place + _HEADING_BYTES]
    end = _LINE_ENDS.search(line)
    return end is not None and is_heading(line[: end.start()].decode("utf-8", "replace").strip())


def _single(paragraph: bytes) -> bool:
    """Whether a paragraph is one line."""
    return _LINE_ENDS.search(paragraph.strip()) is None


def _character_end(window: bytes) -> int:
    """The end of the window, or of the last whole character if it ends within one of UTF-8."""
    for back in range(1, min(4, len(window))):
        if window[-back] & 0xC0 != 0x80:
            length = 1 if window[-back] < 0xC0 else 2 + (window[-back] >= 0xE0) + (window[-back] >= 0xF0)
            return len(window) if length <= back else max(1, len(window) - back)
    return len(window)
