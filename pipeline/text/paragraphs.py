"""Paragraphs out of lines: words broken at line ends, hard-wrapped lines, paragraphs cut by a page's end.

The clean form: paragraphs and headings separated by one blank line, no newline within, none at the end.
"""

import re
from itertools import pairwise

from pipeline.text.characters import PAGE

_BROKEN = re.compile(r"(?<=[^\W\d_])-[ ]*(\n[ ]*|\n(?:[ ]*\n)*[ ]*\f(?:[ \f]*\n)+[ ]*)([^\W\d_]+)")
_LEFT = re.compile(r"[^\W\d_]+\Z")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HEADING = re.compile(
    r"(?:#{1,6} .{1,100}|(?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|STAVE|Stave|LETTER|Letter|ACT|Act|SCENE|Scene)"
    r"\s+(?:[IVXLCDM]+|\d+|[A-Z][A-Za-z-]+)\b[.:]?(?:\s.{0,60})?)"
)
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_ENDED = re.compile(r"[.!?:][\"')\]_*]*$")
_SPACES = re.compile(r" {2,}")
_LONGEST = 40  # letters of half a word
_LONG = 4  # letters: "dis" and "be" are words of their own too
_WRAPPED_WIDTH = 120  # characters: longer lines are whole paragraphs
_ROOM = 0.7  # of the width: a line that ends before it, although the next word had room, was ended on purpose


def hyphenation(text: str) -> tuple[str, int]:
    """Words broken at a line's end are whole again; the count is of hyphens that went.

    The text itself tells whether a hyphen stays: the form that stands elsewhere wins. What stands nowhere else follows the others:
    a text whose other breaks are all at hyphens of its own keeps it, a text that breaks words keeps it between two long known words.
    """
    found = [(match, _LEFT.search(text, max(0, match.start() - _LONGEST), match.start())) for match in _BROKEN.finditer(text)]
    breaks = [(match, left.group()) for match, left in found if left]
    if not breaks:
        return text, 0
    known: dict[str, int] = {}
    for word in _WORD.findall(_BROKEN.sub(" ", text).casefold()):
        known[word] = known.get(word, 0) + 1
    votes = [_vote(left.casefold(), match[2].casefold(), known) for match, left in breaks]
    breaks_words = sum(votes) >= 0
    pieces, last, count = [], 0, 0
    for (match, left), vote in zip(breaks, votes, strict=True):
        right = match[2]
        if match.start() - len(left) < last:  # the word before was joined to this line
            continue
        compound = not breaks_words or (min(len(left), len(right)) >= _LONG and left.casefold() in known and right.casefold() in known)
        stays = vote < 0 or (vote == 0 and compound)
        count += not stays
        # the word goes to the second line, so that the first is seen to be unfinished
        pieces += [text[last : match.start() - len(left)].rstrip(" "), match[1], left, "-" if stays else "", right]
        last = match.end()
    return "".join([*pieces, text[last:]]), count


def join_lines(text: str) -> str:
    """The text in its clean form: hard-wrapped lines joined, pages closed, spaces single."""
    lines = [_SPACES.sub(" ", line.rstrip(" ")) if "  " in line.strip(" ") else line.rstrip(" ") for line in text.split("\n")]
    width = _width(lines)
    paragraphs: list[str] = []
    for block in _blocks(lines, width):
        paragraphs += _paragraphs(block, width)
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _vote(left: str, right: str, known: dict[str, int]) -> int:
    """Which form stands elsewhere: 1 the word without a hyphen, -1 the word with it, 0 neither or both as often."""
    joined, compound = known.get(left + right, 0), known.get(f"{left}-{right}", 0)
    return (joined > compound) - (joined < compound)


def _width(lines: list[str]) -> int:
    """The characters of a full line: nine tenths of the lines that another follows are no longer."""
    lengths = sorted(len(line) for line, following in pairwise(lines) if line and following.strip() and PAGE not in (line, following))
    return lengths[len(lengths) * 9 // 10] if lengths else 0


def _blocks(lines: list[str], width: int) -> list[list[str]]:
    """Runs of lines between blank ones, where a page's end counts as blank only if the paragraph ended there."""
    blocks: list[list[str]] = [[]]
    blank = page = False
    for raw in lines:
        line = raw.strip(" ")
        if not line:
            blank = True
        elif line == PAGE:
            page = True
        else:
            current = blocks[-1]
            if current and (blank and not (page and _goes_on(current[-1].strip(" "), line, width))):
                blocks.append([])
            blocks[-1].append(raw)
            blank = page = False
    return blocks


def _goes_on(before: str, after: str, width: int) -> bool:
    """Whether the paragraph that a page's end cut continues on the next page."""
    if _ENDED.search(before) or _is_heading(before):
        return False
    full = 0 < width <= _WRAPPED_WIDTH and len(before) >= _ROOM * width
    return after[0].islower() or (full and not _is_heading(after))


def _paragraphs(block: list[str], width: int) -> list[str]:
    """The paragraphs of a block: one where its lines are hard-wrapped, one a line where they were ended on purpose."""
    if len(block) < 2:
        return [line.strip(" ") for line in block]
    if _is_heading(first := block[0].strip(" ")):
        return [first, *_paragraphs(block[1:], width)]
    if width > _WRAPPED_WIDTH:
        return [line.strip(" ") for line in block]
    lines = [line.strip(" ") for line in block]
    purposeful = sum(len(line) + 1 + len(following.split(" ", 1)[0]) <= _ROOM * width for line, following in pairwise(lines))
    if purposeful * 2 > len(lines) - 1:
        return lines
    starts = [0, *(place for place in range(1, len(lines)) if _starts_paragraph(block, lines, place)), len(lines)]
    return [_joined(lines[start:stop]) for start, stop in pairwise(starts)]


def _starts_paragraph(block: list[str], lines: list[str], place: int) -> bool:
    """An indented line after a finished sentence, or an item of a list."""
    indented = block[place].startswith("  ") and not block[place - 1].startswith("  ")
    return (indented and bool(_ENDED.search(lines[place - 1]))) or bool(_ITEM.match(lines[place]) and _ITEM.match(lines[0]))


def _is_heading(line: str) -> bool:
    return bool(_HEADING.fullmatch(line))


def _joined(lines: list[str]) -> str:
    """The lines with a space between them, save after a dash that stands at a word."""
    text = lines[0]
    for line in lines[1:]:
        close = len(text) > 2 and text.endswith(("--", "—")) and text.rstrip("-—")[-1:].isalnum()
        text += line if close else f" {line}"
    return text
