"""Kernels that count repeated lines, paragraphs and n-grams, from the tokens that a scan left in the workspace.

The id of an n-gram is given by the ids of its first and its last n - 1 tokens: equal ids are equal n-grams. If either of these occurs only
once, so does the n-gram: the larger n, the fewer are examined, and no count is lost.
"""

from typing import Any

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.measure.counters import COUNTER_INDEX, Counters, Hashes, Int32Array, Workspace
from pipeline.text.measure.scan import BULLET, ENDS_ELLIPSIS, ENDS_SENTENCE, ENDS_TERMINAL, JAVASCRIPT, POLICY
from pipeline.text.ngrams import MIX, STEP

SHORT_LINE = 30  # characters, as in FineWeb
FEW_TOKENS = 3  # minimum per line in C4
LONG_TOKEN = 1000  # characters, maximum per token in C4

_ONE, _HALF, _SHIFT = np.uint64(1), np.uint64(32), np.uint64(29)

_LINES, _TERMINAL, _SHORT, _BULLETS, _TRAILING = (
    COUNTER_INDEX["lines"],
    COUNTER_INDEX["terminal"],
    COUNTER_INDEX["short"],
    COUNTER_INDEX["bullets"],
    COUNTER_INDEX["trailing"],
)
_JAVASCRIPT, _C4_LINES, _C4_SENTENCES, _SENTENCES = (
    COUNTER_INDEX["javascript"],
    COUNTER_INDEX["c4_lines"],
    COUNTER_INDEX["c4_sentences"],
    COUNTER_INDEX["sentences"],
)
_DUPLICATE_LINES, _LINE_CHARACTERS, _PARAGRAPHS = (
    COUNTER_INDEX["duplicate_lines"],
    COUNTER_INDEX["line_characters"],
    COUNTER_INDEX["paragraphs"],
)
_DUPLICATE_PARAGRAPHS, _DISTINCT, _TOP, _REPEATED = (
    COUNTER_INDEX["duplicate_paragraphs"],
    COUNTER_INDEX["distinct"],
    COUNTER_INDEX["top_2"],
    COUNTER_INDEX["repeated_5"],
)
_LONGEST_TOP, _LONGEST = 4, 10  # tokens


@kernel
def count_lines(tokens: int, workspace: Workspace, out: Counters) -> None:
    """Count the lines, their sentences, and repeated lines; leaves the hashes of the lines in the workspace."""
    hashes, flags, breaks, nonspace, at, found, widths = (
        workspace.hashes,
        workspace.flags,
        workspace.breaks,
        workspace.nonspace,
        workspace.at,
        workspace.lines,
        workspace.widths,
    )
    count, begin, sentences, any_flag, value, long = 0, 0, 0, 0, _ONE, False
    for row in range(tokens):
        value = (value ^ hashes[row]) * MIX
        value ^= value >> _SHIFT
        last: Any = np.int64(flags[row])
        any_flag |= last
        sentences += (last & ENDS_SENTENCE) != 0
        long |= nonspace[row + 1] - nonspace[row] > LONG_TOKEN
        if row + 1 < tokens and not breaks[row + 1]:
            continue
        found[count], widths[count] = value, at[row] + nonspace[row + 1] - nonspace[row] - at[begin]
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
    out[_DUPLICATE_LINES], out[_DUPLICATE_LINES + 1] = _repeats(found[:count], widths, workspace.keys, workspace.slots)


@kernel
def count_paragraphs(tokens: int, workspace: Workspace, out: Counters) -> None:
    """Count the paragraphs and repeated ones. Overwrites the hashes of the lines in the workspace."""
    breaks, nonspace, at, found, widths = workspace.breaks, workspace.nonspace, workspace.at, workspace.lines, workspace.widths
    count, line, begin, value = 0, 0, 0, _ONE
    for row in range(tokens):
        if row + 1 < tokens and not breaks[row + 1]:
            continue
        value = (value ^ found[line]) * MIX
        value ^= value >> _SHIFT
        line += 1
        if row + 1 == tokens or breaks[row + 1] == 2:
            widths[count] = at[row] + nonspace[row + 1] - nonspace[row] - at[begin]
            found[count], value = value, _ONE  # the index of a paragraph is never beyond that of its first line
            count, begin = count + 1, row + 1
    out[_PARAGRAPHS] = count
    out[_DUPLICATE_PARAGRAPHS], out[_DUPLICATE_PARAGRAPHS + 1] = _repeats(found[:count], widths, workspace.keys, workspace.slots)


@kernel
def _repeats(hashes: Hashes, widths: Int32Array, keys: Hashes, slots: Int32Array) -> tuple[int, int]:
    """How many entries repeat an earlier one, and the characters of these."""
    mask, fresh, characters = _clear(hashes.size, slots), 0, 0
    for row in range(hashes.size):
        if _id_of(hashes[row], mask, fresh, keys, slots) == fresh:
            fresh += 1
        else:
            characters += widths[row]
    return hashes.size - fresh, characters


@kernel
def count_ngrams(tokens: int, workspace: Workspace, out: Counters) -> None:
    """Count the characters of the most common 2-, 3- and 4-gram, and of the 5- to 10-grams that repeat an earlier one."""
    hashes, ids, alive, seen, keys, slots = (
        workspace.hashes,
        workspace.ids,
        workspace.alive,
        workspace.seen,
        workspace.keys,
        workspace.slots,
    )
    mask, fresh = _clear(tokens, slots), 0
    for row in range(tokens):
        name = _id_of(hashes[row], mask, fresh, keys, slots)
        seen[name] = 1 if name == fresh else seen[name] + 1
        fresh += name == fresh
        ids[row], alive[row] = name, row
    out[_DISTINCT] = fresh
    kept = _prune(tokens, ids, alive, seen)
    for n in range(2, _LONGEST + 1):
        kept = _lengthen(kept, tokens, workspace)
        if n <= _LONGEST_TOP:
            out[_TOP + n - 2] = _count_most_common(alive[:kept], n, ids, seen, workspace.nonspace[: tokens + 1])
        else:
            out[_REPEATED + n - 5] = _count_repeated(alive[:kept], n, ids, seen, workspace.nonspace)


@kernel
def _lengthen(count: int, tokens: int, workspace: Workspace) -> int:
    """Assign ids to the n-grams one token longer; returns at how many tokens one begins that occurs twice or more."""
    ids, alive, seen, keys, slots = workspace.ids, workspace.alive, workspace.seen, workspace.keys, workspace.slots
    mask, fresh, kept = _clear(count, slots), 0, 0
    for place in range(count):
        row = alive[place]
        tail = ids[row + 1] if row + 1 < tokens else -1
        if tail < 0:
            ids[row] = -1
            continue
        name = _id_of(np.uint64(ids[row]) << _HALF | np.uint64(tail), mask, fresh, keys, slots)
        seen[name] = 1 if name == fresh else seen[name] + 1
        fresh += name == fresh
        ids[row], alive[kept] = name, row
        kept += 1
    return int(_prune(kept, ids, alive, seen))


@kernel
def _prune(count: int, ids: Int32Array, alive: Int32Array, seen: Int32Array) -> int:
    """Keep the tokens whose n-gram occurs twice or more; returns their number."""
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
def _count_most_common(alive: Int32Array, n: int, ids: Int32Array, seen: Int32Array, nonspace: Int32Array) -> int:
    """Characters, with blanks between tokens, of all occurrences of the most common n-gram; of ties, the first."""
    most, first = (1 if nonspace.size > n else 0), 0  # if none is alive, each occurs once
    for row in alive:
        if seen[ids[row]] > most:
            most, first = seen[ids[row]], row
    return most * (nonspace[first + n] - nonspace[first] + n - 1) if most else 0


@kernel
def _count_repeated(alive: Int32Array, n: int, ids: Int32Array, seen: Int32Array, nonspace: Int32Array) -> int:
    """Characters of the n-grams that occur earlier in the text; overlapping ones are not counted twice."""
    characters, free = 0, 0
    for row in alive:
        name = ids[row]
        if row >= free and seen[name] < 0:  # met before
            characters += nonspace[row + n] - nonspace[row]
            free = row + n
        elif row >= free:
            seen[name] = -seen[name]
    return characters


@kernel
def _clear(count: int, slots: Int32Array) -> int:
    """Clear the table for `count` keys; returns its size in use minus one."""
    size = 8
    while size < 2 * count:
        size *= 2
    slots[:size] = -1
    return size - 1


@kernel
def _id_of(key: np.uint64, mask: int, fresh: int, keys: Hashes, slots: Int32Array) -> int:
    """The id of a key; `fresh` if it is new."""
    value = (key ^ key >> _HALF) * STEP
    slot: Any = np.int64((value ^ value >> _HALF) & np.uint64(mask))
    while slots[slot] >= 0:
        if keys[slot] == key:
            return np.int64(slots[slot])  # type: ignore[return-value]
        slot = (slot + 1) & mask
    keys[slot], slots[slot] = key, fresh
    return fresh
