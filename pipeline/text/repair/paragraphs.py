"""Paragraphs out of lines: words broken at line ends, hard-wrapped lines, paragraphs cut by a page's end.

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
_DASHES = ("--", "—", "–", "…", "“", "”", "‘", "’")  # what stands between words besides ASCII
_LETTERS = bytes(byte if byte >= 128 or byte == 45 or chr(byte).isalpha() else 32 for byte in range(256))
_HEADING = re.compile(
    r"(?:#{1,6} .{1,100}|(?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|STAVE|Stave|LETTER|Letter|ACT|Act|SCENE|Scene)"
    r"\s+(?:[IVXLCDM]+|\d+|[A-Z][A-Za-z-]+)\b[.:]?(?:\s.{0,60})?)"
)
_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_ENDED = re.compile(r"[.!?:][\"'”’)\]_*]*$")
_SPACES = re.compile(r" {2,}")
# words after a hyphen that stands for the rest of a word: pre- and post-war
_SUSPENDED = frozenset(["and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e"])
# words that end as those do
_WHOLE = frozenset(
    ["into", "onto", "unto", "thereto", "potato", "tomato", "motto", "quarto", "ditto", "thousand", "errand", "author", "doctor"]
)
_LONGEST = 40  # letters of half a word
_MANIFOLD = 3  # breaks of words for each break at a hyphen of the text's own, from which a text is one that breaks words
_OFTEN, _TIMES = 0.03, 3  # share of the lines, and how many, that end in a hyphen where words are broken: a text's own hyphens are rarer
_SEEN = 2  # broken words that stand whole elsewhere, from which a text is one that breaks words
_FRAGMENT = re.compile(
    r"[a-z]{0,3}(?:[ts]ions?|ments?|ness|ings?|ed|ers?|ly|[ai]bl[ey]|ful|less|tive|[ae]n[ct]e?s?|it(?:y|ies)|ous|al|est|ions?|ies|ure|age|"
    r"ate[ds]?|i[sz]e[ds]?|is[mt]|ry)"
)
_LONG = 4  # letters: "dis" and "be" are words of their own too
_WRAPPED_WIDTH = 120  # characters: longer lines are whole paragraphs
_ROOM = 0.7  # of the width: a line that ends before it, although the next word had room, was ended on purpose
_INDENT = 2  # blanks beyond the margin with which a paragraph begins
_OUTLIERS = 0.02  # share of the lines that may stand left of the margin


def hyphenation(text: str) -> tuple[str, int]:
    """Words broken at a line's end are whole again; the count is of hyphens that went.

    The text itself tells whether a hyphen stays: the form that stands elsewhere wins. What stands nowhere else follows the others:
    a text that breaks mostly at hyphens of its own keeps it beside a known word, one that often breaks words between two long known
    words, one that seldom does wherever the second half is not plainly a word's end.
    Signs other than the hyphen never stay. One that stands for the rest of a word (pre- and post-war) keeps the blank after it too.
    """
    found = [(match, _LEFT.search(text, max(0, match.start() - _LONGEST), match.start())) for match in _BROKEN.finditer(text)]
    breaks = [(match, left.group()) for match, left in found if left]
    if not breaks:
        return text, 0
    known = _known(_BROKEN.sub(" ", text))
    votes = [_vote(left.lower().encode(), match[2].lower().encode(), known) for match, left in breaks]
    against = sum(vote < 0 for vote in votes)
    own = against > 0 and sum(vote > 0 for vote in votes) < _MANIFOLD * against  # most breaks are at hyphens of the text's own
    often = len(breaks) >= max(_TIMES, _OFTEN * text.count("\n")) or (not own and sum(vote > 0 for vote in votes) >= _SEEN)
    pieces, last, count = [], 0, 0
    for (match, left), vote in zip(breaks, votes, strict=True):
        right = match[2]
        if match.start() - len(left) < last:  # the word before was joined to this line
            continue
        halves = (known[left.lower().encode()] > 0) + (known[right.lower().encode()] > 0)
        fragment = not halves and bool(_FRAGMENT.fullmatch(right))
        compound = halves > 0 if own else halves == 2 and min(len(left), len(right)) >= _LONG if often else not fragment
        chained = text[match.start() - len(left) - 1 : match.start() - len(left)] == "-"
        stays = text[match.start()] == "-" and (vote < 0 or (vote == 0 and (compound or chained)))
        suspended = text[match.start()] == "-" and text[match.end() : match.end() + 1] != "-" and _is_suspended(left, right, known)
        count += not (stays or suspended)
        # the word goes to the second line, so that the first is seen to be unfinished
        pieces += [text[last : match.start() - len(left)].rstrip(" "), match[1], left, "- " if suspended else "-" if stays else "", right]
        last = match.end()
    return "".join([*pieces, text[last:]]), count


def wrapping(text: str) -> tuple[str, int]:
    """The text in its clean form: hard-wrapped lines joined, pages closed, spaces single; the count is of lines joined to another."""
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
    """How often each word stands in lower case, and each row of words with hyphens between."""
    for sign in _DASHES:
        text = text.replace(sign, " ")
    return Counter(text.lower().encode().translate(_LETTERS).split())


def _is_suspended(left: str, right: str, known: Counter[bytes]) -> bool:
    """Whether a word after a hyphen is a conjunction, and no end of the word before it that the text or the language knows."""
    whole = (left + right).lower()
    return right in _SUSPENDED and whole not in _WHOLE and not known[whole.encode()]


def _vote(left: bytes, right: bytes, known: Counter[bytes]) -> int:
    """Which form stands elsewhere: 1 the word without a hyphen, -1 the word with it, 0 neither or both as often."""
    joined, compound = known[left + right], known[b"%s-%s" % (left, right)]
    return (joined > compound) - (joined < compound)


def _margin(contents: list[str], depths: list[int]) -> int:
    """The blanks before nearly every line that holds something."""
    indents = sorted(depth for line, depth in zip(contents, depths, strict=True) if line and line != PAGE)
    return indents[int(len(indents) * _OUTLIERS)] if indents else 0


def _width(contents: list[str]) -> int:
    """The characters of a full line: nine tenths of the lines that another follows are no longer."""
    lengths = sorted(len(line) for line, following in pairwise(contents) if line and following and PAGE not in (line, following))
    return lengths[len(lengths) * 9 // 10] if lengths else 0


def _blocks(contents: list[str], width: int) -> list[tuple[list[int], int]]:
    """The places of runs of lines between blank ones, and how many pages end in each; a page's end counts as blank only where the
    paragraph ended there."""
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
    """Whether the paragraph that a page's end cut continues on the next page."""
    if _ENDED.search(before[-40:]) or _is_heading(before):
        return False
    full = 0 < width <= _WRAPPED_WIDTH and len(before) >= _ROOM * width
    return after[0].islower() or (full and not _is_heading(after))


def _starts(lines: list[str], indents: list[int], width: int) -> list[int]:
    """At which lines of a block paragraphs begin: the first where lines are hard-wrapped, each where they were ended on purpose."""
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
    """Whether the lines of a block begin at two depths, as they do where a deeper one begins a paragraph; or all are deep."""
    return max(indents) >= _INDENT and (min(indents) < _INDENT or len(set(indents)) == 1)


def _is_heading(line: str) -> bool:
    return bool(_HEADING.fullmatch(line))


def _joined(lines: list[str]) -> str:
    """The lines with a space between them, save after a dash that stands at a word and within scripts that write none between words."""
    if len(lines) == 1:
        return lines[0]
    pieces = [lines[0]]
    for before, line in pairwise(lines):
        close = len(before) > 2 and before.endswith(("--", "—")) and before.rstrip("-—")[-1:].isalnum()
        close = close or bool(UNSPACED.match(before[-1:]) and UNSPACED.match(line[:1]))
        pieces.append(line if close else f" {line}")
    return "".join(pieces)
