"""The licence that stands before and after the text of a free book."""

import re

_RULE = r"[ \t]*[*\-=_#~]{2,}[ \t]*"
_FILE = r"(?=[^\n]*\b(?:e-?book|e-?text|book|text|file|document|edition|project)\b)"  # what a marker says that it begins or ends
# *** START OF THE PROJECT ... EBOOK TITLE ***, which may run over two lines
_START = re.compile(rf"^{_RULE}START OF (?:THE|THIS)\b{_FILE}[^\n]*(?:\n[^\n]*\*\*\*[ \t]*$)?", re.IGNORECASE | re.MULTILINE)
_SMALL_PRINT = re.compile(r"^\*?END\*?[ \t]*THE SMALL PRINT[^\n]*$", re.IGNORECASE | re.MULTILINE)
_END = re.compile(
    rf"^(?:{_RULE}END OF (?:THE|THIS)\b{_FILE}|[ \t]*\**[ \t]*End of (?:the |this )?Project Gutenberg)[^\n]*", re.IGNORECASE | re.MULTILINE
)
_BLOCK = re.compile(r"[^\n]+(?:\n[ \t]*[^\s][^\n]*)*")
# What the people who typed a book left above its title
_CREDIT = re.compile(
    r"\s*[\[({*_]*(?:produced by|prepared by|transcribed (?:from|by)|e-?text (?:prepared|scanned|created|produced)|"
    r"e-?book (?:prepared|produced)|"
    r"this (?:e-?text|e-?book|etext|book|file) (?:was|is|has been) (?:produced|prepared|created|scanned|typed|made|transcribed)|"
    r"special thanks|scanned (?:and|by)|html (?:version|file)|proofread|transcriber'?s? note|the project gutenberg|project gutenberg)",
    re.IGNORECASE,
)
_PROJECT = re.compile(r"project gutenberg", re.IGNORECASE)
_HEAD_BLOCKS = 6  # after the marker, within which credits stand
_FRONT = 20_000  # characters within which, after a table of contents, a block may name the project
_TAIL_BLOCKS = 3  # before the end


def licence(text: str) -> tuple[str, int]:
    """Without the header up to its last marker and the footer from its first; the count is of the parts that were cut.

    A text without marker lines loses no more than blocks at its rim that name the project.
    """
    end = _first_end(text)
    start = _last_start(text, end)
    count = int(start > 0) + int(end < len(text))
    body = text[start:end]
    if count or _PROJECT.search(body):
        body, credits = _without_credits(body)
        count += credits
    return (body, count) if count else (text, 0)


def _first_end(text: str) -> int:
    first_start = _START.search(text)
    floor = first_start.end() if first_start else 0
    found = _END.search(text, floor)
    return found.start() if found else len(text)


def _last_start(text: str, end: int) -> int:
    places = [found.end() for found in _START.finditer(text, 0, end)]
    places += [
        found.end() for found in _SMALL_PRINT.finditer(text, 0, max(end // 2, min(end, 20_000)))
    ]  # chars; the small print has 12,000
    return max(places, default=0)


def _without_credits(body: str) -> tuple[str, int]:
    """The body without the blocks at its rims in which the makers of the file speak."""
    head, tail = [], []
    for place, found in enumerate(_BLOCK.finditer(body)):
        if found.start() > _FRONT:
            break
        if (place < _HEAD_BLOCKS and _CREDIT.match(found.group())) or _PROJECT.search(found.group()):
            head.append(found.span())
    starts = [found.span() for found in _BLOCK.finditer(body, max(0, len(body) - 4_000))]
    tail = [span for span in starts[-_TAIL_BLOCKS:] if _PROJECT.search(body, *span) and span not in head]
    for start, stop in reversed(head + tail):
        body = body[:start] + body[stop:]
    return body, len(head + tail)
