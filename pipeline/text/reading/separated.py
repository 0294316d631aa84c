"""Documents that stand one after another in a file, parted by a separator: read in ranges, each held only up to a limit."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO

from pipeline.text.reading.chunks import Chunk, Chunker
from pipeline.text.reading.lines import Line
from pipeline.text.reading.marks import Separator

MARGIN = 1024  # bytes; a separator and the white space around it are shorter
_BLOCK = 1 << 20  # bytes
_MARK = b"\xef\xbb\xbf"
_BLANK_LINES = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*[\r\n])+")

Found = tuple[int, bytes, str | None]  # offset, bytes, and the name of a separator (None: text)
NewChunker = Callable[[int, int], Chunker]  # for a document of this number, from this offset on


def count_separators(file: IO[bytes], separator: Separator, start: int, end: int | None) -> Counter[str]:
    """How many separators begin in [start, end), by name."""
    counts: Counter[str] = Counter()
    for offset, raw, name in _scan(file, separator, start):
        if end is not None and offset + len(raw) * (name is None) >= end:
            break
        counts.update([] if name is None else [name])
    return counts


def separated(
    file: IO[bytes],
    separator: Separator,
    limit: int,
    cut: NewChunker | None,
    *,
    start: int,
    end: int | None,
    number: int,
    names: Counter[str],
) -> Iterator[Line | Chunk]:
    """The documents whose preceding separator begins in [start, end); the first one of a file is preceded by its start.

    `number` separators lie before start; those of the range are counted in `names`. Each with its number from 1, its offset, and its bytes
    without the blank lines around it. One that is longer than `limit` bytes is cut into chunks; without `cut` it is only the head and a
    byte more, with the digest of all of it. Documents of white space alone are left out.
    """
    held = None if start else _Held(number + 1, 0, limit, cut)
    for offset, raw, name in _scan(file, separator, start):
        if name is None:
            if held is not None:
                yield from held.add(raw)
            elif end is not None and offset + len(raw) >= end:
                return
            continue
        if held is not None:
            yield from held.end()
        if end is not None and offset >= end:
            return
        number += 1
        names[name] += 1
        held = _Held(number + 1, offset + len(raw), limit, cut)
    if held is not None:
        yield from held.end()


def trimmed(raw: bytes) -> bytes:
    """Without the blank lines before it and the white space behind it."""
    blank = _BLANK_LINES.match(raw)
    return raw[blank.end() :].rstrip() if blank else raw.rstrip()


class _Held:
    """A document that is being read."""

    def __init__(self, number: int, offset: int, limit: int, cut: NewChunker | None) -> None:
        self._number, self._offset, self._limit, self._cut = number, offset, limit, cut
        self._raw = bytearray()
        self._digest: hashlib._Hash | None = None
        self._chunker: Chunker | None = None

    def add(self, raw: bytes) -> Iterator[Chunk]:
        if self._chunker is None and self._cut is not None and len(self._raw) + len(raw) > self._limit:
            self._chunker = self._cut(self._number, self._offset)
            yield from self._chunker.add(bytes(self._raw))
            self._raw.clear()
        if self._chunker is not None:
            yield from self._chunker.add(raw)
            return
        if self._digest is None and len(self._raw) + len(raw) > self._limit:
            self._digest = hashlib.sha256(self._raw)
        if self._digest is not None:
            self._digest.update(raw)
        self._raw += raw[: max(0, self._limit + 1 - len(self._raw))]

    def end(self) -> Iterator[Line | Chunk]:
        if self._chunker is not None:
            yield from self._chunker.end()
        elif self._digest is not None:
            yield self._number, self._offset, _BLANK_LINES.sub(b"", bytes(self._raw)), self._digest.hexdigest()
        elif raw := trimmed(bytes(self._raw)):
            yield self._number, self._offset, raw, None


def _scan(file: IO[bytes], separator: Separator, start: int) -> Iterator[Found]:
    """Text and separators in turn, from start to the end of the file, a block at a time."""
    pattern, line = separator.pattern, separator.line
    base = max(0, start - MARGIN)
    if base:
        file.seek(base)
    held = file.read(start - base)
    at = len(held)  # what is before was yielded, and is only looked back on
    while True:
        block = file.read(_BLOCK)
        held += block
        safe = len(held) - 2 * MARGIN if block else len(held)
        for match in pattern.finditer(held, at):
            if match.start() >= safe:
                break
            if match.start() < at:  # of a line that was taken whole
                continue
            first, last = match.span() if not separator.alone else _line(held, match, base, line)
            if last > first:
                if first >= at:
                    yield base + at, held[at:first], None
                    yield base + first, held[first:last], separator.named(pattern.match(held, first)[0])  # type: ignore[index]
                at = last
        if safe > at:
            yield base + at, held[at:safe], None
            at = safe
        if not block:
            return
        kept = max(0, at - MARGIN)
        held, base, at = held[kept:], base + kept, at - kept


def _line(held: bytes, match: re.Match[bytes], base: int, line: re.Pattern[bytes]) -> tuple[int, int]:
    """Where the separators of a line begin and end; (0, 0) if it holds anything else."""
    floor, top = max(0, match.start() - MARGIN), min(len(held), match.end() + MARGIN)
    begin = max(held.rfind(b"\n", floor, match.start()), held.rfind(b"\r", floor, match.start())) + 1
    if not begin and (floor or base):
        return 0, 0  # a line that is longer than any separator
    ends = [place for sign in (b"\n", b"\r") if (place := held.find(sign, match.end(), top)) >= 0]
    end = min(ends, default=len(held))
    if end - match.end() >= MARGIN:
        return 0, 0
    whole = held[begin:end]
    marked = len(_MARK) if base + begin == 0 and whole.startswith(_MARK) else 0
    first = begin + marked + len(whole[marked:]) - len(whole[marked:].lstrip(b" \t"))
    found = line.fullmatch(held, first, begin + len(whole.rstrip(b" \t")))
    return found.span() if found else (0, 0)
