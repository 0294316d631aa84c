"""Remove licences and notices before and after the text of a free book."""

import re

_FLAGS = re.IGNORECASE | re.ASCII
_RULE = r"[ \t]{0,40}[*\-=_#~]{2,60}[ \t]{0,40}"  # bounded, so that a line of a megabyte is not quadratic
_FILE = r"(?=[^\n]{0,300}\b(?:e-?book|e-?text|book|text|file|document|edition|project)\b)"  # what a marker may name
# *** START OF THE PROJECT ... EBOOK TITLE ***, possibly over two lines
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
# Credits of transcribers above the title
_RIM = r"\s{0,40}[\[({*_]{0,8}"
_TYPED = (
    r"produced by|prepared by|transcribed (?:from|by)|e-?text (?:prepared|scanned|created|produced)|"
    r"e-?book (?:prepared|produced)|(?:original )?transcriber'?s?'? notes?\b|scanned (?:and|by|for)\b"
)
_CREDIT = re.compile(
    rf"{_RIM}(?:{_TYPED}|"
    r"this (?:e-?text|e-?book|etext|book|file) (?:was|is|has been) (?:produced|prepared|created|scanned|typed|made|transcribed)|"
    r"special thanks|\(c\) ?\d{4} by|html (?:version|file)|proofread)",
    _FLAGS,
)
_PRODUCED = re.compile(rf"{_RIM}(?:{_TYPED})", _FLAGS)
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
# Phrases that only occur in notices; one block with them makes a notice
_WORK = r"(?:work|book|e-?book|text|e-?text|file|edition|document|article|page|site|website|content|material|publication|translation)s?"
_PHRASE = re.compile(
    rf"\b(?:this|these) (?:\w{{1,20}} ){{0,3}}?{_WORK}\b[^.\n]{{0,60}}\b(?:is|are|was|were|has been) (?:\w{{1,20}} )?"
    r"(?:licen[cs]ed|released (?:under|into)|in the public domain|made available under|distributed under|dedicated to the public)|"
    r"\blicen[cs]ed (?:to you )?under (?:the|an?) (?:terms|creative commons|gnu|mit|apache|bsd|cc|open)\b|"
    r"(?:\bcopyright|\(c\))[^\n]{0,80}\ball rights reserved|\A\W{0,8}all rights reserved|\bthis is a digital copy of\b|"
    r"\b(?:is|are|be) (?:not )?in the public domain in the (?:united states|usa?\b|u\. ?s\.)|\bpermission is hereby granted\b",
    _FLAGS,
)
# phrases that continue a notice
_GOES_ON = re.compile(
    rf"\b(?:it|{_WORK}) (?:is in|to enter|enter) the public domain\b|"
    r"\bcopyright (?:has expired|to expire)\b|\busage guidelines\b|\bautomated quer(?:y|ies)|"
    r"\bto view a copy of this\b|\bfull text of this book\b|\b(?:without|no) warrant(?:y|ies)\b|\ball rights reserved\b",
    _FLAGS,
)
_LAW = re.compile(rf"\b(?:{'|'.join(_STRONG)})", re.IGNORECASE | re.ASCII)
_HEAD_BLOCKS = 6  # after the marker, in which credits may be
_FRONT = 20_000  # characters in which, after a table of contents, a block may name the project
_TAIL_BLOCKS = 3  # before the end
_SPAN = 4_000  # characters of a block that are examined
_GAP = 2  # consecutive blocks of a notice without legal terms
_REACH = 3  # blocks from either end in which a notice begins
_TERMS = 4  # minimum distinct terms of a notice
_LONGEST = 6  # maximum blocks of a notice: that of a scan has five
_SHARE = 3  # a notice of several blocks is at most 1 / this of a text with anything else


def licence(text: str) -> tuple[str, int]:
    """Remove the header up to its last marker, the footer from its first marker, notices and credits; counts the removed parts.

    A text without marker lines and transcriber credits loses at most a notice at either end: a few blocks that state the rights of the
    work, and credits. Prose about licences, or about makers of free books, stays.
    """
    lines = f"\n{text}"  # every line starts with \n, which the regex engine finds fast
    end = _first_end(lines)
    start = _last_start(lines, end)
    count = int(start > 0) + int(end < len(lines))
    body = lines[max(1, start) : end]
    body, notices = _without_notices(body)
    body, credits = _without_credits(body, marked=count > 0)
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
    """Start and end of the runs of non-blank lines."""
    borders = [found.span() for found in _BLANK.finditer(text)]
    starts, stops = [0, *(stop for _, stop in borders)], [*(start for start, _ in borders), len(text)]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if text[start:stop].strip()]


def _without_notices(body: str) -> tuple[str, int]:
    """Remove a run of blocks at either end that state the rights."""
    blocks = _blocks(body)
    first, front = _notice(body, blocks)
    kept = blocks[:first] + blocks[front:]
    last, back = _notice(body, kept[::-1])
    if not front + back:
        return body, 0
    kept = kept[: len(kept) - back] + kept[len(kept) - last :]
    whole = not first and not last  # then the white space between blocks stays
    return (body[kept[0][0] : kept[-1][1]] if kept and whole else "\n\n".join(body[slice(*block)] for block in kept)), (front > 0) + (
        back > 0
    )


def _notice(body: str, blocks: list[tuple[int, int]]) -> tuple[int, int]:
    """Start and end (exclusive) of the blocks of a notice, after a possible title. (0, 0) if there is none."""
    laws = [bool(_LAW.search(body, start, min(stop, start + _SPAN))) for start, stop in blocks[:_REACH]]
    if not any(laws):
        return 0, 0
    whole = sum(stop - start for start, stop in blocks)
    first, length, terms, said, found = laws.index(True), 0, set[str](), False, 0
    for place, (start, stop) in enumerate(blocks[:_LONGEST]):
        if place - length > (_GAP if length else _REACH - 1):
            break
        block = body[start : min(stop, start + _SPAN)]
        phrase = bool(_PHRASE.search(block))
        if not phrase and not _GOES_ON.search(block):
            continue
        first = first if length else min(first, place)
        length, said = place + 1, said or phrase
        terms |= {match.lastgroup or "" for match in _TERM.finditer(block)}
        small = length - first in (1, len(blocks)) or _SHARE * sum(stop - start for start, stop in blocks[first:length]) <= whole
        found = length if said and small and len(terms) >= _TERMS else found
    return (first, found) if found else (0, 0)


def _without_credits(body: str, *, marked: bool) -> tuple[str, int]:
    """Remove credits of the makers at either end; `marked`: marker lines were found.

    A block is removed for naming the project only if the file is known to be from the project, or has transcriber credits.
    """
    blocks = _blocks(body)
    produced = any(_PRODUCED.match(body, start, stop) for start, stop in blocks[:_HEAD_BLOCKS])
    makers = _MAKERS if marked else _PROJECT if produced else None
    gone = [
        place
        for place, (start, stop) in enumerate(blocks)
        if (place < _HEAD_BLOCKS and _CREDIT.match(body, start, stop))
        or (makers and (start <= _FRONT or place >= len(blocks) - _TAIL_BLOCKS) and makers.search(body, start, stop))
    ]
    for place in reversed(gone):
        start, stop = blocks[place]
        body = body[:start] + body[stop:]
    return body, len(gone)
