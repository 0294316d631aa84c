"""Kernels that scan a text: characters and tokens, then words. They leave in the workspace what lines and repetition need.

Per-character, per-token and per-word work is inlined: passing arrays to functions would cost more in reference counting than the work.
"""

from typing import Any

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.measure.character_classes import CLOSER, DIGIT, LETTER, QUOTE, SPACE, TERMINAL, UPPER, Bytes, character_at
from pipeline.text.measure.counters import COUNTER_INDEX, Counters, LookupTables, Workspace
from pipeline.text.measure.lexicon import GOPHER_AT, PHRASE_AT, STOPWORD, TOXIC
from pipeline.text.ngrams import BASIS, PRIME

ENDS_SENTENCE, ENDS_TERMINAL, ENDS_ELLIPSIS, BULLET, LOREM, JAVASCRIPT, POLICY = (1 << bit for bit in range(7))

LONG_WORD = 6  # characters; longer words are long (LIX)
_VOWELS = sum(1 << ord(letter) - ord("a") for letter in "aeiouy")
_STREAK = 0b111111  # six consonants in a row: in no English word (five: "lengthscale")
_NEWLINE, _HASH, _DASH, _DOT, _CURLY_BRACKET, _BULLET, _DOTS = (ord(sign) for sign in "\n#-.{•…")

_ALL, _NONSPACE, _NEWLINES, _LETTERS, _DIGITS, _UPPER = (
    COUNTER_INDEX["all"],
    COUNTER_INDEX["nonspace"],
    COUNTER_INDEX["newlines"],
    COUNTER_INDEX["letters"],
    COUNTER_INDEX["digits"],
    COUNTER_INDEX["upper"],
)
_HASHES, _ELLIPSES, _CURLY, _LOREM, _TOKENS, _LONGEST = (
    COUNTER_INDEX["hashes"],
    COUNTER_INDEX["ellipses"],
    COUNTER_INDEX["curly"],
    COUNTER_INDEX["lorem"],
    COUNTER_INDEX["tokens"],
    COUNTER_INDEX["longest"],
)
_PLAIN, _BARE, _LONG_WORDS, _LETTERED, _ALPHABETIC = (
    COUNTER_INDEX["plain"],
    COUNTER_INDEX["bare"],
    COUNTER_INDEX["long_words"],
    COUNTER_INDEX["lettered"],
    COUNTER_INDEX["alphabetic"],
)
_WORDS, _STOPWORDS, _GOPHER, _TOXIC, _LATIN, _UNPRONOUNCEABLE = (
    COUNTER_INDEX["words"],
    COUNTER_INDEX["stopwords"],
    COUNTER_INDEX["gopher"],
    COUNTER_INDEX["toxic"],
    COUNTER_INDEX["latin"],
    COUNTER_INDEX["unpronounceable"],
)
_LATIN_LETTERS = COUNTER_INDEX["latin_letters"]


@kernel
def scan_text(raw: Bytes, lookup_tables: LookupTables, workspace: Workspace, out: Counters) -> tuple[int, int]:
    """Count the characters of a UTF-8 text, [bytes], and write its tokens and words to the workspace; returns their numbers."""
    character_classes, hashes, nonspace, at, breaks, flags = (
        lookup_tables.character_classes,
        workspace.hashes,
        workspace.nonspace,
        workspace.at,
        workspace.breaks,
        workspace.flags,
    )
    top, place, characters, blank, row, words, inside = character_classes.size - 1, 0, 0, 2, 0, 0, False
    nonspace[0] = 0
    while place < raw.size:
        code, width = character_at(raw, place)
        kind = character_classes[min(code, top)]
        if kind & SPACE:
            blank += code == _NEWLINE
            out[_NEWLINES] += code == _NEWLINE
            characters, place = characters + 1, place + width
            continue
        at[row], breaks[row], flag = characters, min(blank, 2), BULLET * (code in (_BULLET, _DASH))
        value, length, letters, first, last, dots, ends, tail = BASIS, 0, 0, -1, -2, 0, False, 0
        while not kind & SPACE:
            value, tail = (value ^ np.uint64(code)) * PRIME, code
            if kind & LETTER:
                if not inside:
                    workspace.begins[words], workspace.owners[words], inside = place, row, True
                letters += 1
            elif inside:
                workspace.ends[words], words, inside = place, words + 1, False
            if kind & (LETTER | DIGIT):
                first, last, dots, ends = length if first < 0 else first, length, 0, False
                out[_DIGITS] += (kind & DIGIT) != 0
                out[_UPPER] += (kind & UPPER) != 0
            else:
                dots, ends = dots + 1 if code == _DOT else 0, (kind & TERMINAL) != 0 or (ends and (kind & CLOSER) != 0)
                out[_ELLIPSES] += code == _DOTS or (code == _DOT and dots % 3 == 0)
                out[_HASHES] += code == _HASH
                out[_CURLY] += code == _CURLY_BRACKET
            length, place = length + 1, place + width
            if place >= raw.size:
                break
            code, width = character_at(raw, place)
            kind = character_classes[min(code, top)]
        if inside:
            workspace.ends[words], words, inside = place, words + 1, False
        flag |= ENDS_SENTENCE * ends | ENDS_TERMINAL * ((character_classes[min(tail, top)] & (TERMINAL | QUOTE)) != 0)
        hashes[row], flags[row] = value, flag | ENDS_ELLIPSIS * (dots >= 3 or tail == _DOTS)
        workspace.letters[row], workspace.bare[row], nonspace[row + 1] = letters, last - first + 1, nonspace[row] + length
        characters, blank, row = characters + length, 0, row + 1
    out[_ALL], out[_NONSPACE], out[_TOKENS] = characters, nonspace[row], row
    return row, words


@kernel
def count_tokens(count: int, workspace: Workspace, out: Counters) -> None:
    """Count the tokens in the workspace."""
    nonspace, letters, bare = workspace.nonspace, workspace.letters, workspace.bare
    for row in range(count):
        length = nonspace[row + 1] - nonspace[row]
        out[_LETTERS] += letters[row]
        out[_LETTERED] += letters[row] > 0
        out[_ALPHABETIC] += 2 * letters[row] > length
        out[_LONGEST] = max(out[_LONGEST], length)
        out[_PLAIN] += bare[row] > 0
        out[_BARE] += bare[row]
        out[_LONG_WORDS] += bare[row] > LONG_WORD


@kernel
def count_words(raw: Bytes, count: int, lookup_tables: LookupTables, workspace: Workspace, out: Counters) -> None:
    """Count the words in the workspace, and flag the tokens at which a phrase ends."""
    lexicon, all_bits, phrases, begins, ends, owners = (
        lookup_tables.words,
        lookup_tables.word_bits,
        lookup_tables.phrases,
        workspace.begins,
        workspace.ends,
        workspace.owners,
    )
    mask, history, gopher, stop, toxic, plain, unpronounceable = lexicon.size - 1, 0, 0, 0, 0, 0, 0
    flags, breaks = workspace.flags, workspace.breaks
    for word in range(count):
        value, sounds, spoken, stuck, high = BASIS, -1, 0, False, 0
        for place in range(begins[word], ends[word]):
            byte: Any = np.int64(raw[place])
            letter = byte | 0x20 if 0x41 <= byte <= 0x5A else byte
            value = (value ^ np.uint64(letter)) * PRIME
            vowel = _VOWELS >> (letter - 0x61 & 31) & 1
            sounds, spoken, high = sounds << 1 | vowel, spoken | vowel, high | letter
            stuck |= sounds & _STREAK == 0
        if high < 0x80 and ends[word] - begins[word] > 1:
            plain += 1
            out[_LATIN_LETTERS] += ends[word] - begins[word]
            unpronounceable += spoken == 0 or stuck
        slot: Any = np.int64(value & np.uint64(mask))
        while lexicon[slot] != np.uint64(0) and lexicon[slot] != value:
            slot = slot + 1 & mask
        bits: Any = np.int64(all_bits[slot])  # 0 in a free slot
        stop += (bits & STOPWORD) != 0
        toxic += (bits & TOXIC) != 0
        gopher |= bits >> GOPHER_AT & 0xFF
        history = 0 if breaks[owners[word]] and (word == 0 or owners[word - 1] != owners[word]) else history
        history = (history << 4 | bits >> PHRASE_AT) & 0xFFF
        if bits >> PHRASE_AT:
            for number in range(phrases.shape[0]):
                if history & phrases[number, 1] == phrases[number, 0]:
                    flags[owners[word]] |= LOREM if number == 0 else JAVASCRIPT if number == 1 else POLICY
                    out[_LOREM] += number == 0
    out[_WORDS], out[_STOPWORDS], out[_TOXIC], out[_LATIN], out[_UNPRONOUNCEABLE] = count, stop, toxic, plain, unpronounceable
    while gopher:
        out[_GOPHER], gopher = out[_GOPHER] + (gopher & 1), gopher >> 1
