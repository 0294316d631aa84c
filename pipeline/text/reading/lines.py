"""Lines of a file or a range of it, each held only up to a limit."""

import hashlib
from collections.abc import Iterator
from typing import IO

_BLOCK = 1 << 20  # bytes

Line = tuple[int, int, bytes, str | None]  # line from 1, byte offset, bytes, and the SHA-256 of a line that is too long


def lines(file: IO[bytes], limit: int, *, start: int, end: int | None, line: int, blanks: bool = False) -> Iterator[Line]:
    """The non-blank lines whose preceding newline lies in [start, end); the first line of a file is preceded by its start.

    `line` newlines lie before start. Of a line longer than `limit` bytes only the head is held, with the digest of all of it.
    `blanks` also yields blank lines, which may belong to a quoted field.
    """
    offset = start
    if start:
        file.seek(start)
        offset, line = _rest(file, offset, None), line + 1
    readline = file.readline
    while (end is None or offset <= end) and (raw := readline(limit)):
        line, begin, offset = line + 1, offset, offset + len(raw)
        if len(raw) == limit and raw[-1] != 10:
            digest = hashlib.sha256(raw)
            offset = _rest(file, offset, digest)
            if offset > begin + limit:
                yield line, begin, raw, digest.hexdigest()
                continue
        if blanks or not raw.isspace():
            yield line, begin, raw, None


def row_digest(raw: bytes) -> str:
    """The SHA-256 of a row, without its line end."""
    return hashlib.sha256(raw.rstrip(b"\r\n")).hexdigest()


def newlines(file: IO[bytes], start: int, end: int) -> int:
    """The number of newlines in [start, end)."""
    file.seek(start)
    return sum(file.read(min(_BLOCK, end - at)).count(b"\n") for at in range(start, end, _BLOCK))


def _rest(file: IO[bytes], offset: int, digest: "hashlib._Hash | None") -> int:
    """Read to the end of a line; returns its offset."""
    while raw := file.readline(_BLOCK):
        offset += len(raw)
        if digest is not None:
            digest.update(raw.rstrip(b"\r\n"))
        if raw[-1] == 10:
            break
    return offset
