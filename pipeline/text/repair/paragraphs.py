"""Rebuild paragraphs from lines: hyphenated words, hard-wrapped lines, paragraphs cut by a page break.

The clean form: paragraphs and headings separated by one blank line, none at the end. Prose has no newline within. Lines that were ended on
purpose (verse, speeches, lists, addresses, tables) stay lines of one paragraph, with the blanks at their beginning.
"""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal

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
_ITEM_BEGINS = frozenset("-*+•0123456789")
_RULE = re.compile(r"([-=~^*+_])\1{2,}")
_FIELD = re.compile(r":[A-Za-z][^:]{0,80}:(?:\s|$)|>>> |\.\. [\w-]+::|@(?:param|return|raise|throws)\b")
_NAMED = re.compile(r"[*`]{0,2}[A-Za-z_]\w*[*`]{0,2}(?:, [*`]{0,2}[A-Za-z_]\w*[*`]{0,2}){0,8} : \S")
_MARKUP_BEGINS = frozenset("-=~^*+_:>.@")
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
_LEAST_WIDTH = 34  # characters of a wrapped line, at least
_OVER = 8  # characters by which a line may be wider than the width
_LONG_LINES = 0.05  # share of the lines that may be wider still
_SLACK = 1  # characters that a full line may lack
_LOOSE_ROOM = 0.85  # of the width: the first of two lines of verse is shorter
_FULL_ROOM = 0.8  # of the width: beside shorter lines, a longer one that goes on in small letters was wrapped
_FEW_LINES, _FEW_SPEECHES = 3, 2  # lines that follow another, from which capitals tell verse, in a text or a play
_STANZA = 4  # lines that follow another, from which all of them may end a sentence in verse
_VERSE, _VERSE_BLOCK = 0.6, 0.8  # share of these lines that begin with a capital, in a text or a block of verse; prose has 0.2
_FILLED, _FILLED_LINES = 0.8, 2  # share of the lines that fill the width of a block, and their least number, from which it was wrapped
_ITEMS = 2  # items that make a list
_SPEECHES, _SPEAKERS = 2, 4  # lines that begin with the same name, and all such lines, from which names are those of speakers
_NAME = 30  # characters of a name on a line of its own
_NAME_OF_SPEAKER = (
    r"_?((?!(?:M[rR][sS]?|D[rR]|S[tT]|MESSRS|Messrs)\.)(?=.{0,28}[A-Z]{3})[A-Z][A-Z'’. -]{1,28}[A-Z]|"
    r"[A-Z][\w'’-]{1,20}(?: [A-Z][\w'’-]{1,20}){0,2}(?=:$))"
    r"_?[.:](?:\s|$|_)"
)
_SPEAKER = re.compile(_NAME_OF_SPEAKER)
_SPEAKERS_OF = re.compile(rf"\n{_NAME_OF_SPEAKER}", re.MULTILINE)
_BEFORE = frozenset(["", "\n", *".!?:—-)\"'"])  # what is before the line end before a speech
_PAUSED = re.compile(r"[.!?:—-][\"'”’)\]_*]*$")
_SAMPLE, _RAGGED = 3000, 0.05  # lines that tell how ragged a text is, and the share of them that is left out
_STARTS, _FEW_STARTS = 0.05, 3  # share and number of the lines within blocks that begin paragraphs by an indent in a text printed so
_GAP = re.compile(r"(?<=\S) {3,}(\S+(?: \S+)*)")
# words that no line of a list begins or ends with
_BETWEEN = frozenset(
    [
        *("a", "an", "the", "of", "and", "or", "but", "in", "on", "at", "to", "by", "for", "with", "from", "into", "that", "which", "who"),
        *("was", "were", "is", "are", "be", "as", "his", "her", "their", "its", "my", "your", "our", "it", "not"),
    ]
)
_OUTLIERS = 0.02  # share of the lines that may be left of the margin


End = Literal["joined", "kept", "parted"]  # how a line ends: it goes on in the next, it stays a line, it ends the paragraph
JOINED: End = "joined"
KEPT: End = "kept"
PARTED: End = "parted"


@dataclass(frozen=True)
class Layout:
    """What a text tells about its lines."""

    margin: int  # blanks before nearly every line
    width: int  # characters of a full line
    tight: int  # characters: a wrapped line with the next word would be no shorter
    wrapped: bool  # no lines are wider than that: the text was wrapped
    verse: bool  # nearly all lines begin with capitals
    parts: bool  # only blanks at their beginning tell paragraphs apart
    gaps: frozenset[int]  # the lines with three blanks within
    speakers: frozenset[str]  # names that begin several lines


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
    if _is_all_verse(list(map(str.strip, text.split("\n")))):
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
    """Bring the text into clean form: join hard-wrapped lines and pages, single spaces; counts joined lines.

    Lines are joined only with evidence of wrapping: they fill the width of the text, or go on in small letters after no punctuation.
    """
    lines = text.split("\n")
    contents = [line.strip(" ") for line in lines]
    contents = [_SPACES.sub(" ", line) if "  " in line else line for line in contents]
    depths = [len(line) - len(line.lstrip(" ")) if line[:1] == " " else 0 for line in lines]
    layout = _layout(
        contents, depths, gaps=frozenset(place for place, line in enumerate(lines) if "   " in line and "   " in line.strip(" "))
    )
    if layout.verse and "  " in text:
        contents = [line.strip(" ") for line in lines]  # lines that are all kept keep the blanks within
    paragraphs: list[str] = []
    count = 0
    for places, pages in _blocks(contents, layout.width):
        if len(places) == 1:
            paragraphs.append(contents[places[0]])
            continue
        block = [contents[place] for place in places]
        ends = _ends(lines, places, block, [max(0, depths[place] - layout.margin) for place in places], layout)
        count += max(0, ends.count(JOINED) - pages)
        if ends.count(JOINED) == len(ends):
            paragraphs.append(_joined(block))
            continue
        paragraphs += _rebuilt(block, ends, [lines[place] for place in places], [depths[place] for place in places])
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


def _width(lengths: list[int]) -> int:
    """The width of a full line: the 90th percentile of lines followed by another; blank lines and page marks have no length."""
    full = sorted(length for length, following in pairwise(lengths) if length and following)
    return full[len(full) * 9 // 10] if full else 0


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


def _layout(contents: list[str], depths: list[int], *, gaps: frozenset[int]) -> Layout:
    """What the whole text tells about its lines."""
    margin = _margin(contents, depths)
    lengths = [0 if line == PAGE else len(line) for line in contents]
    width = _width(lengths)
    text = "\n".join(["", *contents])
    full = sum(map(bool, lengths))
    wider = sum(length > width + _OVER for length in lengths)
    capitals, small, letters = _first_letters(contents)
    mostly_caseless = 2 * (capitals + small) < letters
    wrapped = 0 < width <= _WRAPPED_WIDTH and ((width >= _LEAST_WIDTH and wider <= _LONG_LINES * full) or mostly_caseless)
    speakers = Counter(found[1] for found in _SPEAKERS_OF.finditer(text) if text[max(0, found.start() - 1) : found.start()] in _BEFORE)
    often = {name for name, times in speakers.items() if times >= _SPEECHES}
    often = often if sum(speakers[name] for name in often) >= _SPEAKERS else set()
    verse = width <= _WRAPPED_WIDTH and _is_mostly_capital(capitals, small, _FEW_SPEECHES if often else _FEW_LINES)
    return Layout(
        margin=margin,
        width=width,
        tight=min(width - _SLACK, _tight(contents)),
        wrapped=wrapped,
        verse=verse,
        parts=wrapped and not verse and _has_indented_starts(contents, depths, margin),
        gaps=gaps,
        speakers=frozenset(often),
    )


def _first_letters(contents: list[str]) -> tuple[int, int, int]:
    """How many lines that follow another begin with a capital, with a small letter, with any letter."""
    first = "".join([line[:1] for before, line in pairwise(contents) if before and before != PAGE])
    return sum(map(str.isupper, first)), sum(map(str.islower, first)), sum(map(str.isalpha, first))


def _is_all_verse(contents: list[str]) -> bool:
    """Whether nearly all lines that follow another begin with a capital."""
    capitals, small, _ = _first_letters(contents)
    return _is_mostly_capital(capitals, small, _FEW_LINES)


def _is_mostly_capital(capitals: int, small: int, least: int) -> bool:
    return capitals + small >= least and 0 < capitals >= _VERSE * (capitals + small)


def _tight(contents: list[str]) -> int:
    """The room that nearly every wrapped line would need for one more word; wrapped lines are those that go on in small letters."""
    pairs = islice(((line, following) for line, following in pairwise(contents) if line and following[:1].islower()), _SAMPLE)
    rooms = sorted(len(line) + 1 + len(following.split(" ", 1)[0]) for line, following in pairs)
    return rooms[int(len(rooms) * _RAGGED)] if rooms else _WRAPPED_WIDTH


def _has_indented_starts(contents: list[str], depths: list[int], margin: int) -> bool:
    """Whether paragraphs are told apart by the blanks at their beginning, without blank lines."""
    deep = [
        place
        for place, (before, depth) in enumerate(pairwise(depths), start=1)
        if depth >= margin + _INDENT > before and contents[place] and contents[place - 1]
    ]
    starts = sum(bool(_ENDED.search(contents[place - 1][-40:])) for place in deep)
    return starts >= _FEW_STARTS and starts >= _STARTS * sum(bool(before and line) for before, line in pairwise(contents))


def _ends(lines: list[str], places: list[int], block: list[str], indents: list[int], layout: Layout) -> list[End]:
    """How each line of a block but the last ends."""
    count = len(block) - 1
    if _is_heading(block[0]):
        headings = next((place for place, line in enumerate(block) if not _is_heading(line)), count + 1)
        rest = _ends(lines, places[headings:], block[headings:], indents[headings:], layout) if headings < count else []
        return [PARTED] * min(headings, count) + rest
    if layout.gaps and len(layout.gaps.intersection(places)) > 1 and _is_table([lines[place] for place in places]):
        return [KEPT] * count
    marks = _marks(block, layout)
    ends = _ends_by_room(block, indents, marks, layout)
    if places[-1] - places[0] > count:  # a page ends in the block
        for row, (before, place) in enumerate(pairwise(places)):
            if place - before > 1 and block[row + 1][0].islower() and PAGE in lines[before + 1 : place]:
                ends[row] = JOINED
    return _with_long_parted(block, ends, marks)


def _ends_by_room(block: list[str], indents: list[int], marks: list[bool], layout: Layout) -> list[End]:
    """How lines end, by the room that they leave for the next word."""
    count = len(block) - 1
    if not layout.wrapped and max(map(len, block)) > _WRAPPED_WIDTH:
        return [KEPT] * count
    indented = _is_indented(indents)
    new = [False] * count
    if indented:
        new = [indents[place + 1] >= _INDENT and bool(_ENDED.search(block[place][-40:])) for place in range(count)]
    width = layout.width if layout.wrapped else max(map(len, block[:-1]))
    room = [len(line) + 1 + len(following.split(" ", 1)[0]) for line, following in pairwise(block)]
    free = [place for place in range(count) if not marks[place]]  # ends that only their room tells apart
    short = [room[place] <= _ROOM * width and not (indented and indents[place + 1] >= _INDENT) for place in free]
    if free and 2 * sum(short) <= len(free):
        if _is_verse(block, room, free, layout) or not _is_wrapped(block, room, free, layout):
            return [KEPT] * count
        return [PARTED if start else KEPT if mark else JOINED for start, mark in zip(new, marks, strict=True)]
    ends = [PARTED if start and layout.parts else KEPT for start in new]
    if layout.wrapped and not layout.verse:  # some wrapped lines among short ones
        for place in free:
            small = room[place] > _FULL_ROOM * width and _goes_on_small(block[place], block[place + 1])
            if small or (room[place] > layout.tight and place and ends[place - 1] == JOINED):
                ends[place] = JOINED
    return ends


def _with_long_parted(block: list[str], ends: list[End], marks: list[bool]) -> list[End]:
    """The ends, where lines that are whole paragraphs end the paragraph unless they are items or speeches."""
    if sum(map(len, block)) <= _WRAPPED_WIDTH or KEPT not in ends:
        return ends
    starts = [0, *(place + 1 for place, end in enumerate(ends) if end != JOINED), len(block)]
    sizes = [sum(len(line) + 1 for line in block[start:stop]) - 1 for start, stop in pairwise(starts)]
    for row, place in enumerate(start - 1 for start in starts[1:-1]):
        if ends[place] == KEPT and not marks[place] and max(sizes[row], sizes[row + 1]) > _WRAPPED_WIDTH:
            ends[place] = PARTED
    return ends


def _marks(block: list[str], layout: Layout) -> list[bool]:
    """Which ends of lines are those of items of a list, of fields, of speeches, or at a rule of dashes under a title."""
    items = [line[0] in _ITEM_BEGINS and bool(_ITEM.match(line)) for line in block]
    listed = any(items) and (items[0] or sum(items) >= _ITEMS)
    marks = items[1:] if listed else [False] * (len(block) - 1)
    if any(line[0] in _MARKUP_BEGINS for line in block):
        rules = [bool(_RULE.fullmatch(line)) for line in block]
        fields = [bool(_FIELD.match(line)) for line in block]
        titled = any(rules)
        named = [titled and bool(_NAMED.match(line)) for line in block]  # x : int, under a title of numpydoc
        for place in range(len(block) - 1):
            about = rules[place] or rules[place + 1] or fields[place + 1] or named[place] or named[place + 1]
            marks[place] = marks[place] or about
    if layout.speakers:
        pauses = [True, *(bool(_PAUSED.search(line[-40:])) for line in block[:-1])]
        begins = [
            pause and (found := _SPEAKER.match(line)) is not None and found[1] in layout.speakers
            for line, pause in zip(block, pauses, strict=True)
        ]
        for place, line in enumerate(block[:-1]):
            alone = begins[place] and len(line) <= _NAME  # a name on a line of its own
            marks[place] = marks[place] or alone or begins[place + 1]
    return marks


def _is_verse(block: list[str], room: list[int], free: list[int], layout: Layout) -> bool:
    """Whether nearly all lines begin with capitals, and end before they are full."""
    if layout.verse:
        return True
    if not all(map(_is_capital, (block[place + 1] for place in free[:2]))):
        return False
    capitals = sum(_is_capital(block[place + 1]) for place in free)
    loose = sum(room[place] < layout.tight for place in free)
    if len(free) == 1:
        speech = bool(layout.speakers) and (found := _SPEAKER.match(block[0])) is not None and found[1] in layout.speakers
        ended = not speech and _ENDED.search(block[free[0]][-40:])
        return loose == 1 and not ended and room[free[0]] <= _LOOSE_ROOM * layout.width
    going = sum(not _PAUSED.search(block[place][-40:]) and not block[place + 1].startswith(("I ", "I'")) for place in free)
    return capitals >= _VERSE_BLOCK * len(free) and 2 * loose >= len(free) and (going > 0 or len(free) >= _STANZA)


def _is_wrapped(block: list[str], room: list[int], free: list[int], layout: Layout) -> bool:
    """Whether there is evidence that a block was wrapped: the text was, or its own lines fill a width and go on in small letters."""
    if layout.wrapped:
        return True
    longest = max(map(len, block))
    small = sum(_goes_on_small(block[place], block[place + 1]) for place in free)
    if longest >= _LEAST_WIDTH and len(free) >= _FILLED_LINES:
        full = sum(room[place] > longest - _SLACK for place in free)
        return full >= _FILLED * len(free) and 2 * small >= len(free)
    if longest >= _LEAST_WIDTH and len(free) == 1:
        return small == 1
    return all(_is_cut(block[place], block[place + 1]) for place in free)


def _goes_on_small(line: str, following: str) -> bool:
    """Whether a sentence goes on in the next line."""
    return following[0].islower() and not _ENDED.search(line[-40:]) and line[-1] != ";"


def _is_cut(line: str, following: str) -> bool:
    """Whether a line ends with a word that stands between others, or goes on with one."""
    if line.rsplit(" ", 1)[-1] in _BETWEEN:
        return True
    return _goes_on_small(line, following) and following.split(" ", 1)[0].strip(".,;") in _BETWEEN | _SUSPENDED


def _is_capital(line: str) -> bool:
    """Whether the first letter of a line is a capital; digits and brackets before it don't count."""
    letter = line.lstrip("\"'“‘`(_*-—[")[:1]
    return letter.isupper()


def _is_table(raw: list[str]) -> bool:
    """Whether lines have columns: wide gaps, in most lines at the same place."""
    gaps = [
        {edge for found in _GAP.finditer(line.rstrip()) for edge in ((found.end(), 0), (found.end() + len(found[1]), 1))} for line in raw
    ]
    wide = [found for found in gaps if found]
    if len(wide) < 2 or 2 * len(wide) <= len(raw):
        return False
    edges = Counter(edge for found in wide for edge in found)
    return 2 * max(edges.values()) > len(wide) and max(edges.values()) > 1


def _rebuilt(block: list[str], ends: list[End], raw: list[str], depths: list[int]) -> list[str]:
    """The paragraphs of a block. Lines that stay keep their blanks: those at the beginning beyond the least of the paragraph."""
    paragraphs: list[str] = []
    start = 0
    for stop in (place + 1 for place, end in enumerate([*ends, PARTED]) if end == PARTED):
        paragraphs.append(_paragraph(block[start:stop], ends[start : stop - 1], raw[start:stop], depths[start:stop]))
        start = stop
    return paragraphs


def _paragraph(block: list[str], ends: list[End], raw: list[str], depths: list[int]) -> str:
    if KEPT not in ends:
        return _joined(block)
    table = _is_table(raw)
    starts = [0, *(place + 1 for place, end in enumerate(ends) if end == KEPT), len(block)]
    least = min(depths[start] for start in starts[:-1])
    return "\n".join(
        " " * (depths[start] - least) + (raw[start].strip(" ") if table else _joined(block[start:stop])) for start, stop in pairwise(starts)
    )


def _is_indented(indents: list[int]) -> bool:
    """Whether the lines of a block are at two depths, as with indented paragraphs, or all are indented."""
    return max(indents) >= _INDENT and (min(indents) < _INDENT or len(set(indents)) == 1)


def _is_heading(line: str) -> bool:
    return bool(_HEADING.fullmatch(line))


def _joined(lines: list[str]) -> str:
    """Join lines with a space, except after a dash attached to a word and in scripts without spaces."""
    if len(lines) == 1:
        return lines[0]
    pieces = [lines[0].rstrip("\u00ad")]  # a soft hyphen stays only at a line end
    for before, line in pairwise(lines):
        close = len(before) > 2 and before.endswith(("--", "—")) and before.rstrip("-—")[-1:].isalnum()
        close = close or bool(UNSPACED.match(before[-1:]) and UNSPACED.match(line[:1]))
        pieces.append(line if close else f" {line}")
        if line.endswith("\u00ad") and len(pieces) < len(lines):
            pieces[-1] = pieces[-1].rstrip("\u00ad")
    return "".join(pieces)
