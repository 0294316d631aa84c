"""Cut data that stands in a text: base64 (RFC 4648), `data:` addresses (RFC 2397), keys and certificates in PEM (RFC 7468)."""

import re
from itertools import pairwise

_ADDRESS = re.compile(
    r"""data:[\w.+-]{0,60}/?[\w.+-]{0,60}(?:;[\w=.-]{1,60}){0,5}(?:;base64,[A-Za-z0-9+/=_%-]{20,}|,(?:%[0-9A-Fa-f]{2}|[\w.~:/?+=*!,;-]){60,})"""
)
_RUN = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{60,}={0,2}(?![A-Za-z0-9+/=_-])")
_ROW = re.compile(r"[ >]{0,8}([A-Za-z0-9+/]{60,90})[ ]{0,8}\r{0,2}")
_LAST = re.compile(r"[ >]{0,8}[A-Za-z0-9+/]{1,90}={0,2}[ ]{0,8}\r{0,2}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----\s[^-]{40,20000}-----END [A-Z0-9 ]{1,40}-----")
_LEAST = 120  # characters of a run within a line; a hash in hexadecimal has at most that
_ROWS = 2  # full lines of base64 in a row
_RISES = 1 / 14  # share of the characters of base64 that are capitals after small letters, at least; by chance .16
_SLASHES = 1 / 16  # share of slashes, at most; an address has more
_WORDS = 20  # words that are left, at least: a text that is only data is not mended


def blobs(text: str) -> tuple[str, int]:
    """Remove runs of encoded data, with the blanks beside them; counts them. A text with little else stays: `select` drops it.

    Hashes, long addresses and names are not encoded data: base64 mixes small letters, capitals and digits.
    """
    spans = [found.span() for found in _PEM.finditer(text)] if "-----BEGIN" in text else []
    spans += [found.span() for found in _ADDRESS.finditer(text)] if "data:" in text else []
    spans += _rows(text)
    spans += [found.span() for found in _RUN.finditer(text) if len(found.group()) >= _LEAST and _is_encoded(found.group())]
    spans = [span for span in spans if not _is_address(text, span[0])]
    if not spans:
        return text, 0
    merged = _merged(sorted(spans))
    pieces = [text[stop:start] for (_, stop), (start, _) in pairwise([(0, 0), *merged, (len(text), len(text))])]
    if sum(len(re.findall(r"[^\W\d_]{2,}", piece)) for piece in pieces) < _WORDS:
        return text, 0
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = (
            whole.rstrip(" ") + piece
            if not piece.strip(" ") or piece[:1] in "\r\n"
            else whole + (piece.lstrip(" ") if whole[-1:] in " \n" else piece)
        )
    return whole, len(merged)


def _rows(text: str) -> list[tuple[int, int]]:
    """Start and end of the lines that are base64, two or more in a row, with their shorter last line."""
    spans: list[tuple[int, int]] = []
    at = 0
    lines = text.split("\n") if len(text) > _LEAST else []
    run: list[tuple[int, int]] = []
    letters = ""
    for line in [*lines, ""]:
        row = _ROW.fullmatch(line) if len(line) >= _LEAST // 2 else None
        if row:
            run.append((at, at + len(line)))
            letters += row[1]
        elif run:
            if len(run) >= _ROWS and _is_encoded(letters):
                tail = _LAST.fullmatch(line) and (
                    line.rstrip().endswith("=") or (any(map(str.isdigit, line)) and not line.strip().isdigit())
                )
                spans.append((run[0][0], at + len(line) if tail else run[-1][1]))
            run, letters = [], ""
        at += len(line) + 1
    return spans


def _is_encoded(run: str) -> bool:
    """Whether small letters, capitals and digits are mixed as by chance."""
    rises = sum(before.islower() and after.isupper() for before, after in pairwise(run))
    return rises >= _RISES * len(run) and any(map(str.isdigit, run)) and run.count("/") <= max(2, _SLASHES * len(run))


def _is_address(text: str, start: int) -> bool:
    """Whether a run belongs to an address of the web."""
    word = re.split(r"[\s\"'<>()]", text[max(0, start - 400) : start])[-1]
    return "://" in word or word.startswith("www.")


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = [spans[0]]
    for start, stop in spans[1:]:
        if start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
