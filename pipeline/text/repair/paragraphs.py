"""Rebuild paragraphs from lines: hyphenated words, hard-wrapped lines, paragraphs cut by a page break.

The clean form: paragraphs and headings separated by one blank line, no newline within, none at the end.
"""

import re
from collections import Counter
from itertools import pairwise

from pipeline.text.repair.characters import HYPHENS, PAGE, UNSPACED

_BROKEN = re.compile(
    rf"[{HYPHENS}](?<=[^\W\d_].)[ ]{{0,80}}"
    r"(\n[ ]{0,80}|\n(?:[ ]{0,80}\n){0,20}[ ]{0,80}\f(?:[ \f]{0,80}\n){1,20}[ ]{0,80})([^\W\d_]+)"  # bounded: linear in any text
)
_LEFT = re.compile(r"[^\W\d_]+\Z")
_DASHES = ("--", "—", "–", "…", "“", "”", "‘", "’")  # non-ASCII word separators
_LETTERS = bytes(byte if byte >= 128 or byte == 45 or chr(byte).isalpha() else 32 for byte in range(256))
_HEADING = re.compile(
    r"(?:#{1,6} .{1,100}|(?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|STAVE|Stave|LETTER|Letter|ACT|Act|SCENE|Scene)"
    r"\s+(?:[IVXLCDM]+|\d+|[A-Z][A-Za-z-]+)\b[.:]?(?:\s.{0,60})?)"
)
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_ENDED = re.compile(r"[.!?:][\"'”’)\]_*]*$")
_SPACES = re.compile(r" {2,}")
# conjunctions after a suspended hyphen: pre- and post-war
_SUSPENDED = frozenset(["and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e"])
# words that end like those
_WHOLE = frozenset(
    ["into", "onto", "unto", "thereto", "potato", "tomato", "motto", "quarto", "ditto", "thousand", "errand", "author", "doctor"]
)
_LONGEST = 40  # letters of half a word
_HYPHENATED_RATIO = 3  # broken words per line end at a genuine hyphen, from which a text counts as hyphenated
_OFTEN, _TIMES = 0.03, 3  # share and number of lines that end in a hyphen in a hyphenated text: genuine hyphens are rarer
_SEEN = 2  # broken words that occur whole elsewhere, from which a text counts as hyphenated
_FRAGMENT = re.compile(
    r"[a-z]{0,3}(?:[ts]ions?|ments?|ness|ings?|ed|ers?|ly|[ai]bl[ey]|ful|less|tive|[ae]n[ct]e?s?|it(?:y|ies)|ous|al|est|ions?|ies|ure|age|"
    r"ate[ds]?|i[sz]e[ds]?|is[mt]|ry)"
)
_LONG = 4  # letters: "dis" and "be" are also words
_WRAPPED_WIDTH = 120  # characters: longer lines are whole paragraphs
_ROOM = 0.7  # of the width: a shorter line, although the next word would fit, was ended on purpose
_INDENT = 2  # blanks beyond the margin at the start of a paragraph
_OUTLIERS = 0.02  # share of the lines that may be left of the margin


def hyphenation(text: str) -> tuple[str, int]:
    """Join words broken at a line end; counts removed hyphens.

    The text decides whether a hyphen stays: the form that occurs elsewhere wins. Words that do not occur elsewhere follow the others: a
    text that mostly breaks at genuine hyphens keeps it next to a known word, one that often breaks words keeps it between two long known
    words, one that rarely does keeps it unless the second half is clearly a word ending.
    Signs other than the hyphen never stay. A suspended hyphen (pre- and post-war) also keeps the blank after it.
    """
    found = [(match, _LEFT.search(text, max(0, match.start() - _LONGEST), match.start())) for match in _BROKEN.finditer(text)]
    breaks = [(match, left.group()) for match, left in found if left]
    if not breaks:
        return text, 0
    known = _known(_BROKEN.sub(" ", text))
    votes = [_vote(left.lower().encode(), match[2].lower().encode(), known) for match, left in breaks]
    against = sum(vote < 0 for vote in votes)
    own = against > 0 and sum(vote > 0 for vote in votes) < _HYPHENATED_RATIO * against  # most breaks are at genuine hyphens
    often = len(breaks) >= max(_TIMES, _OFTEN * text.count("\n")) or (not own and sum(vote > 0 for vote in votes) >= _SEEN)
    pieces, last, count = [], 0, 0
    for (match, left), vote in zip(breaks, votes, strict=True):
        right = match[2]
        if match.start() - len(left) < last:  # the previous word was joined to this line
            continue
        halves = (known[left.lower().encode()] > 0) + (known[right.lower().encode()] > 0)
        fragment = not halves and bool(_FRAGMENT.fullmatch(right))
        compound = halves > 0 if own else halves == 2 and min(len(left), len(right)) >= _LONG if often else not fragment
        chained = text[match.start() - len(left) - 1 : match.start() - len(left)] == "-"
        stays = text[match.start()] == "-" and (vote < 0 or (vote == 0 and (compound or chained)))
        suspended = text[match.start()] == "-" and text[match.end() : match.end() + 1] != "-" and _is_suspended(left, right, known)
        count += not (stays or suspended)
        # the word goes to the second line, so that the first is recognised as unfinished
        pieces += [text[last : match.start() - len(left)].rstrip(" "), match[1], left, "- " if suspended else "-" if stays else "", right]
        last = match.end()
    return "".join([*pieces, text[last:]]), count


def wrapping(text: str) -> tuple[str, int]:
    """Bring the text into clean form: join hard-wrapped lines and pages, single spaces; counts joined lines."""
    lines = text.split("\n")
    contents = [line.strip(" ") for line in lines]
    contents = [_SPACES.sub(" ", line) if "  " in line else line for line in contents]
    depths = [len(line) - len(line.lstrip(" ")) if line[:1] == " " else 0 for line in lines]
    margin = _margin(contents, depths)
    indents = [max(0, depth - margin) for depth in depths] if margin else depths
    width = _width(contents)
    paragraphs: list[str] = []
    count = 0
    for places, pages in _blocks(contents, width):
        starts = [0] if len(places) == 1 else _starts([contents[place] for place in places], [indents[place] for place in places], width)
        paragraphs += [_joined([contents[place] for place in places[start:stop]]) for start, stop in pairwise([*starts, len(places)])]
        count += max(0, len(places) - len(starts) - pages)
    return "\n\n".join(paragraphs), count


def _known(text: str) -> Counter[bytes]:
    """Counts of lower-case words and of hyphenated compounds."""
    for sign in _DASHES:
        text = text.replace(sign, " ")
    return Counter(text.lower().encode().translate(_LETTERS).split())


def _is_suspended(left: str, right: str, known: Counter[bytes]) -> bool:
    """Whether the word after a hyphen is a conjunction, and not the end of a known word."""
    whole = (left + right).lower()
    return right in _SUSPENDED and whole not in _WHOLE and not known[whole.encode()]


def _vote(left: bytes, right: bytes, known: Counter[bytes]) -> int:
    """Which form occurs elsewhere: 1 without hyphen, -1 with hyphen, 0 neither or equally often."""
    joined, compound = known[left + right], known[b"%s-%s" % (left, right)]
    return (joined > compound) - (joined < compound)


def _margin(contents: list[str], depths: list[int]) -> int:
    """The indentation of nearly every non-blank line."""
    indents = sorted(depth for line, depth in zip(contents, depths, strict=True) if line and line != PAGE)
    return indents[int(len(indents) * _OUTLIERS)] if indents else 0


def _width(contents: list[str]) -> int:
    """The width of a full line: the 90th percentile of lines followed by another."""
    lengths = sorted(len(line) for line, following in pairwise(contents) if line and following and PAGE not in (line, following))
    return lengths[len(lengths) * 9 // 10] if lengths else 0


def _blocks(contents: list[str], width: int) -> list[tuple[list[int], int]]:
    """The line numbers of runs of non-blank lines, and how many pages end in each; a page break counts as blank only if the paragraph
    ends there."""
    blocks: list[tuple[list[int], int]] = []
    blank = page = False
    for place, line in enumerate(contents):
        if not line:
            blank = True
        elif line == PAGE:
            page = True
        else:
            goes_on = bool(blocks) and page and _goes_on(contents[blocks[-1][0][-1]], line, width)
            if blocks and (not blank or goes_on):
                blocks[-1] = ([*blocks[-1][0], place], blocks[-1][1] + page) if page else blocks[-1]
                if not page:
                    blocks[-1][0].append(place)
            else:
                blocks.append(([place], 0))
            blank = page = False
    return blocks


def _goes_on(before: str, after: str, width: int) -> bool:
    """Whether a paragraph continues on the next page."""
    if _ENDED.search(before[-40:]) or _is_heading(before):
        return False
    full = 0 < width <= _WRAPPED_WIDTH and len(before) >= _ROOM * width
    return after[0].islower() or (full and not _is_heading(after))


def _starts(lines: list[str], indents: list[int], width: int) -> list[int]:
    """The lines of a block at which paragraphs begin: the first if hard-wrapped, each if lines were ended on purpose."""
    headings = next((place for place, line in enumerate(lines) if not _is_heading(line)), len(lines))
    if headings:
        rest = _starts(lines[headings:], indents[headings:], width) if headings < len(lines) else []
        return [*range(headings), *(headings + start for start in rest)]
    if width > _WRAPPED_WIDTH:
        return list(range(len(lines)))
    indented = _is_indented(indents)
    purposeful = sum(
        len(line) + 1 + len(following.split(" ", 1)[0]) <= _ROOM * width and not (indented and indents[place + 1] >= _INDENT)
        for place, (line, following) in enumerate(pairwise(lines))
    )
    if purposeful * 2 > len(lines) - 1:
        return list(range(len(lines)))
    items = bool(_ITEM.match(lines[0]))
    return [
        0,
        *(
            place
            for place in range(1, len(lines))
            if (indented and indents[place] >= _INDENT and _ENDED.search(lines[place - 1][-40:])) or (items and _ITEM.match(lines[place]))
        ),
    ]


def _is_indented(indents: list[int]) -> bool:
    """Whether the lines of a block are at two depths, as with indented paragraphs, or all are indented."""
    return max(indents) >= _INDENT and (min(indents) < _INDENT or len(set(indents)) == 1)


def _is_heading(line: str) -> bool:
    return bool(_HEADING.fullmatch(line))


def _joined(lines: list[str]) -> str:
    """Join lines with a space, except after a dash attached to a word and in scripts without spaces."""
    if len(lines) == 1:
        return lines[0]
    pieces = [lines[0]]
    for before, line in pairwise(lines):
        close = len(before) > 2 and before.endswith(("--", "—")) and before.rstrip("-—")[-1:].isalnum()
        close = close or bool(UNSPACED.match(before[-1:]) and UNSPACED.match(line[:1]))
        pieces.append(line if close else f" {line}")
    return "".join(pieces)
