"""The licences and notices that stand before and after the text of a free book."""

import re

_FLAGS = re.IGNORECASE | re.ASCII
_RULE = r"[ \t]{0,40}[*\-=_#~]{2,60}[ \t]{0,40}"  # bounded, so that a line of a megabyte costs no square of it
_FILE = r"(?=[^\n]{0,300}\b(?:e-?book|e-?text|book|text|file|document|edition|project)\b)"  # what a marker says that it begins or ends
# *** START OF THE PROJECT ... EBOOK TITLE ***, which may run over two lines
_START = re.compile(
    rf"\n{_RULE}(?:START|BEGIN(?:NING)?) OF (?:THE|THIS)\b{_FILE}[^\n]*(?:\n[^\n]{{0,200}}\*\*\*[ \t]{{0,40}}(?=\n|\Z))?", _FLAGS
)
_SMALL_PRINT = re.compile(r"\n\*?END\*?[ \t]*THE SMALL PRINT[^\n]*", _FLAGS)
_END = re.compile(
    rf"\n(?:{_RULE}END OF (?:THE|THIS)\b{_FILE}|[ \t]{{0,40}}\*{{0,40}}[ \t]{{0,40}}End of (?:the |this )?Project Gutenberg|"
    r"[ \t]{0,40}\*{0,40}[ \t]{0,40}End of (?:the |this )?[^\n]{0,40}\b(?:e-?book|e-?text)\b)[^\n]*",
    _FLAGS,
)
_BLANK = re.compile(r"\n[ \t\f]{0,400}\n\s*")
# What the people who typed a book left above its title
_CREDIT = re.compile(
    r"\s{0,40}[\[({*_]{0,8}(?:produced by|prepared by|transcribed (?:from|by)|e-?text (?:prepared|scanned|created|produced)|"
    r"e-?book (?:prepared|produced)|(?:original )?transcriber'?s?'? notes?\b|"
    r"this (?:e-?text|e-?book|etext|book|file) (?:was|is|has been) (?:produced|prepared|created|scanned|typed|made|transcribed)|"
    r"special thanks|scanned (?:and|by|for)\b|\(c\) ?\d{4} by|html (?:version|file)|proofread|the project gutenberg|project gutenberg)",
    re.IGNORECASE | re.ASCII,
)
_PROJECT = re.compile(r"project gutenberg|gutenberg-tm|gutenberg literary", re.IGNORECASE | re.ASCII)
_MAKERS = re.compile(r"project gutenberg|gutenberg-tm|gutenberg literary|\be-?texts?\b|\be-?books?\b", re.IGNORECASE | re.ASCII)
_STRONG = (
    "licen[cs]e",
    "copyright",
    "public domain",
    "creative commons",
    "e-?books?",
    "e-?texts?",
    "digital copy",
    "trademark",
    "small print",
)
_WEAK = (
    "warrant(?:y|ies)", "royalt(?:y|ies)", "(?:re)?distribut", "donat", "electronic work", "refund", "liab(?:le|ility)", "indemnif",
    "terms of (?:use|this|the)", "as[- ]is", "permi(?:ssion|tted)", "scann(?:ed|ing)", "copies", "non-?commercial", "volunteer",
    "https?://|www\\.", "attribution", "share-?alike", "digiti[sz]|digital", "watermark", "automated", "librar(?:y|ies)", "online",
    "free of charge|at no cost|for free|cost", "files?", "legal", "google|archive", "search", "adapt", "remix", "discover", "publishers?",
    "project gutenberg|gutenberg-tm", "reserved", "provider|hosted|foundation",
)  # fmt: skip
_TERM = re.compile("|".join(rf"(?P<t{place}>\b(?:{term}))" for place, term in enumerate(_STRONG + _WEAK)), re.IGNORECASE | re.ASCII)
_LAW = re.compile(rf"\b(?:{'|'.join(_STRONG)})", re.IGNORECASE | re.ASCII)
_HEAD_BLOCKS = 6  # after the marker, within which credits stand
_FRONT = 20_000  # characters within which, after a table of contents, a block may name the project
_TAIL_BLOCKS = 3  # before the end
_SPAN = 4_000  # characters of a block that are read
_GAP = 2  # blocks of a notice that say nothing of law
_REACH = 3  # blocks from the rim within which a notice begins
_TERMS = 4  # different terms of a whole notice


def licence(text: str) -> tuple[str, int]:
    """Without the header up to its last marker and the footer from its first, notices and credits; the count is of the parts that were cut.

    A text without marker lines loses no more than blocks at its rim that name the project or speak of rights again and again.
    """
    lines = f"\n{text}"  # so that each line begins with what the engine finds fast
    end = _first_end(lines)
    start = _last_start(lines, end)
    count = int(start > 0) + int(end < len(lines))
    body = lines[max(1, start) : end]
    body, notices = _without_notices(body)
    named = count + notices > 0  # then what speaks of the file is of those who made it
    if named or _PROJECT.search(body) or _CREDIT.search(body, 0, _FRONT):
        body, credits = _without_credits(body, named=named)
        count += credits
    count += notices
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


def _blocks(text: str) -> list[tuple[int, int]]:
    """Where the runs of lines between blank ones begin and end."""
    borders = [found.span() for found in _BLANK.finditer(text)]
    starts, stops = [0, *(stop for _, stop in borders)], [*(start for start, _ in borders), len(text)]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if text[start:stop].strip()]


def _without_notices(body: str) -> tuple[str, int]:
    """The body without a run of blocks at either rim that speak of rights, copies and files."""
    blocks = _blocks(body)
    front = _notice(body, blocks)
    back = _notice(body, blocks[front:][::-1])
    if not front + back:
        return body, 0
    kept = blocks[front : len(blocks) - back]
    return (body[kept[0][0] : kept[-1][1]] if kept else ""), int(front > 0) + int(back > 0)


def _notice(body: str, blocks: list[tuple[int, int]]) -> int:
    """How many of the blocks, from the first on, are a notice."""
    if not any(_LAW.search(body, start, min(stop, start + _SPAN)) for start, stop in blocks[:_REACH]):
        return 0
    length, terms = 0, set[str]()
    strong = False
    for place, (start, stop) in enumerate(blocks):
        if place - length > (_GAP if length else _REACH - 1):
            break
        found = {match.lastgroup or "" for match in _TERM.finditer(body, start, min(stop, start + _SPAN))}
        laws = {f"t{number}" for number in range(len(_STRONG))} & found
        if len(found) >= 2 and (laws or length):
            length, strong = place + 1, strong or bool(laws)
            terms |= found
    return length if strong and len(terms) >= _TERMS else 0


def _without_credits(body: str, *, named: bool) -> tuple[str, int]:
    """The body without the blocks at its rims in which the makers of the file speak."""
    blocks = _blocks(body)
    makers = _MAKERS if named else _PROJECT
    gone = [
        place
        for place, (start, stop) in enumerate(blocks)
        if (place < _HEAD_BLOCKS and _CREDIT.match(body, start, stop))
        or ((start <= _FRONT or place >= len(blocks) - _TAIL_BLOCKS) and makers.search(body, start, stop))
    ]
    for place in reversed(gone):
        start, stop = blocks[place]
        body = body[:start] + body[stop:]
    return body, len(gone)
