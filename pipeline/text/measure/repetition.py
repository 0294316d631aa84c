"""Kernels for lines, paragraphs and runs of tokens that repeat, over the tokens that a scan left on the desk.

Each run of n tokens is named by the names of its first and its last n - 1: equal names are equal runs. Where either of
these stands only once, so does the run: the longer the runs, the fewer are looked at, and no count is lost.
"""

from typing import Any

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.measure.scan import BULLET, ENDS_ELLIPSIS, ENDS_SENTENCE, ENDS_TERMINAL, JAVASCRIPT, POLICY
from pipeline.text.measure.tallies import AT, Desk, Hashes, Small, Tallies
from pipeline.text.ngrams import MIX, STEP

SHORT_LINE = 30  # characters, as in FineWeb
FEW_TOKENS = 3  # least of a line in C4
LONG_TOKEN = 1000  # characters, most of a line in C4

_ONE, _HALF, _SHIFT = np.uint64(1), np.uint64(32), np.uint64(29)

_LINES, _TERMINAL, _SHORT, _BULLETS, _TRAILING = AT["lines"], AT["terminal"], AT["short"], AT["bullets"], AT["trailing"]
_JAVASCRIPT, _C4_LINES, _C4_SENTENCES, _SENTENCES = AT["javascript"], AT["c4_lines"], AT["c4_sentences"], AT["sentences"]
_TWICE_LINES, _LINE_CHARACTERS, _PARAGRAPHS = AT["twice_lines"], AT["line_characters"], AT["paragraphs"]
_TWICE_PARAGRAPHS, _DISTINCT, _TOP, _AGAIN = AT["twice_paragraphs"], AT["distinct"], AT["top_2"], AT["again_5"]
_LONGEST_TOP, _LONGEST = 4, 10  # tokens


@kernel
def lines(tokens: int, desk: Desk, out: Tallies) -> None:
    """Tally the lines, their sentences, and those that repeat an earlier one; the hashes of the lines lie on the desk afterwards."""
    hashes, flags, breaks, ink, at, found, widths = desk.hashes, desk.flags, desk.breaks, desk.ink, desk.at, desk.lines, desk.widths
    count, begin, sentences, any_flag, value, long = 0, 0, 0, 0, _ONE, False
    for row in range(tokens):
        value = (value ^ hashes[row]) * MIX
        value ^= value >> _SHIFT
        last: Any = np.int64(flags[row])
        any_flag |= last
        sentences += (last & ENDS_SENTENCE) != 0
        long |= ink[row + 1] - ink[row] > LONG_TOKEN
        if row + 1 < tokens and not breaks[row + 1]:
            continue
        found[count], widths[count] = value, at[row] + ink[row + 1] - ink[row] - at[begin]
        sentences += (last & ENDS_SENTENCE) == 0
        out[_SENTENCES] += sentences
        out[_LINE_CHARACTERS] += widths[count]
        out[_SHORT] += widths[count] <= SHORT_LINE
        out[_TERMINAL] += (last & ENDS_TERMINAL) != 0
        out[_TRAILING] += (last & ENDS_ELLIPSIS) != 0
        out[_BULLETS] += (flags[begin] & BULLET) != 0
        out[_JAVASCRIPT] += (any_flag & JAVASCRIPT) != 0
        ended = last & (ENDS_TERMINAL | ENDS_ELLIPSIS) == ENDS_TERMINAL
        if ended and row - begin + 1 >= FEW_TOKENS and not long and any_flag & (POLICY | JAVASCRIPT) == 0:
            out[_C4_LINES] += 1
            out[_C4_SENTENCES] += sentences
        count, begin, sentences, any_flag, value, long = count + 1, row + 1, 0, 0, _ONE, False
    out[_LINES] = count
    out[_TWICE_LINES], out[_TWICE_LINES + 1] = _repeats(found[:count], widths, desk.keys, desk.slots)


@kernel
def paragraphs(tokens: int, desk: Desk, out: Tallies) -> None:
    """Tally the paragraphs, and those that repeat an earlier one. The hashes of the lines must lie on the desk; they are lost."""
    breaks, ink, at, found, widths = desk.breaks, desk.ink, desk.at, desk.lines, desk.widths
    count, line, begin, value = 0, 0, 0, _ONE
    for row in range(tokens):
        if row + 1 < tokens and not breaks[row + 1]:
            continue
        value = (value ^ found[line]) * MIX
        value ^= value >> _SHIFT
        line += 1
        if row + 1 == tokens or breaks[row + 1] == 2:
            widths[count] = at[row] + ink[row + 1] - ink[row] - at[begin]
            found[count], value = value, _ONE  # no paragraph has its place behind its first line
            count, begin = count + 1, row + 1
    out[_PARAGRAPHS] = count
    out[_TWICE_PARAGRAPHS], out[_TWICE_PARAGRAPHS + 1] = _repeats(found[:count], widths, desk.keys, desk.slots)


@kernel
def _repeats(hashes: Hashes, widths: Small, keys: Hashes, slots: Small) -> tuple[int, int]:
    """How many of the pieces repeat an earlier one, and the characters of these."""
    mask, fresh, characters = _clear(hashes.size, slots), 0, 0
    for row in range(hashes.size):
        if _name(hashes[row], mask, fresh, keys, slots) == fresh:
            fresh += 1
        else:
            characters += widths[row]
    return hashes.size - fresh, characters


@kernel
def runs(tokens: int, desk: Desk, out: Tallies) -> None:
    """Tally the characters of the commonest run of 2, 3, 4 tokens, and of the runs of 5 to 10 tokens that repeat an earlier one."""
    hashes, ids, alive, seen, keys, slots = desk.hashes, desk.ids, desk.alive, desk.seen, desk.keys, desk.slots
    mask, fresh = _clear(tokens, slots), 0
    for row in range(tokens):
        name = _name(hashes[row], mask, fresh, keys, slots)
        seen[name] = 1 if name == fresh else seen[name] + 1
        fresh += name == fresh
        ids[row], alive[row] = name, row
    out[_DISTINCT] = fresh
    kept = _prune(tokens, ids, alive, seen)
    for n in range(2, _LONGEST + 1):
        kept = _lengthen(kept, tokens, desk)
        if n <= _LONGEST_TOP:
            out[_TOP + n - 2] = _commonest(alive[:kept], n, ids, seen, desk.ink[: tokens + 1])
        else:
            out[_AGAIN + n - 5] = _again(alive[:kept], n, ids, seen, desk.ink)


@kernel
def _lengthen(count: int, tokens: int, desk: Desk) -> int:
    """Name the runs that are one token longer; returns at how many tokens one begins that stands twice or more."""
    ids, alive, seen, keys, slots = desk.ids, desk.alive, desk.seen, desk.keys, desk.slots
    mask, fresh, kept = _clear(count, slots), 0, 0
    for place in range(count):
        row = alive[place]
        tail = ids[row + 1] if row + 1 < tokens else -1
        if tail < 0:
            ids[row] = -1
            continue
        name = _name(np.uint64(ids[row]) << _HALF | np.uint64(tail), mask, fresh, keys, slots)
        seen[name] = 1 if name == fresh else seen[name] + 1
        fresh += name == fresh
        ids[row], alive[kept] = name, row
        kept += 1
    return int(_prune(kept, ids, alive, seen))


@kernel
def _prune(count: int, ids: Small, alive: Small, seen: Small) -> int:
    """Leave alive what stands twice or more; returns how many tokens."""
    kept = 0
    for place in range(count):
        row = alive[place]
        if seen[ids[row]] > 1:
            alive[kept] = row
            kept += 1
        else:
            ids[row] = -1
    return kept


@kernel
def _commonest(alive: Small, n: int, ids: Small, seen: Small, ink: Small) -> int:
    """Characters, blanks between tokens with them, of all occurrences of the commonest run; of equally common ones, the first."""
    most, first = (1 if ink.size > n else 0), 0  # where none is alive, each stands once
    for row in alive:
        if seen[ids[row]] > most:
            most, first = seen[ids[row]], row
    return most * (ink[first + n] - ink[first] + n - 1) if most else 0


@kernel
def _again(alive: Small, n: int, ids: Small, seen: Small, ink: Small) -> int:
    """Characters of the runs that stand earlier in the text, none counted twice: after one, reading goes on behind it."""
    characters, free = 0, 0
    for row in alive:
        name = ids[row]
        if row >= free and seen[name] < 0:  # met before
            characters += ink[row + n] - ink[row]
            free = row + n
        elif row >= free:
            seen[name] = -seen[name]
    return characters


@kernel
def _clear(count: int, slots: Small) -> int:
    """Empty the table for so many keys; returns the size in use less one."""
    size = 8
    while size < 2 * count:
        size *= 2
    slots[:size] = -1
    return size - 1


@kernel
def _name(key: np.uint64, mask: int, fresh: int, keys: Hashes, slots: Small) -> int:
    """The name of a key; `fresh` where it is new."""
    value = (key ^ key >> _HALF) * STEP
    slot: Any = np.int64((value ^ value >> _HALF) & np.uint64(mask))
    while slots[slot] >= 0:
        if keys[slot] == key:
            return np.int64(slots[slot])  # type: ignore[return-value]
        slot = (slot + 1) & mask
    keys[slot], slots[slot] = key, fresh
    return fresh
