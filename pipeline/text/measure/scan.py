"""The kernels that read a text: characters and tokens, then words. They leave on the desk what lines and repetition need.

Nothing that happens for each character, token or word is a function of arrays: counting references to these would cost more than the work.
"""

from typing import Any

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.measure.letters import CLOSER, DIGIT, LETTER, QUOTE, SPACE, TERMINAL, UPPER, Bytes, character_at
from pipeline.text.measure.lexicon import GOPHER_AT, PHRASE_AT, STOPWORD, TOXIC
from pipeline.text.measure.tallies import AT, Desk, Tables, Tallies
from pipeline.text.ngrams import BASIS, PRIME

ENDS_SENTENCE, ENDS_TERMINAL, ENDS_ELLIPSIS, BULLET, LOREM, JAVASCRIPT, POLICY = (1 << bit for bit in range(7))

_VOWELS = sum(1 << ord(letter) - ord("a") for letter in "aeiouy")
_STREAK = 0b111111  # six consonants in a row, no English word has them (five: "lengthscale")
_NEWLINE, _HASH, _DASH, _DOT, _CURLY_BRACKET, _BULLET, _DOTS = (ord(sign) for sign in "\n#-.{•…")

_ALL, _INK, _NEWLINES, _LETTERS, _DIGITS, _UPPER = AT["all"], AT["ink"], AT["newlines"], AT["letters"], AT["digits"], AT["upper"]
_HASHES, _ELLIPSES, _CURLY, _LOREM, _TOKENS, _LONGEST = AT["hashes"], AT["ellipses"], AT["curly"], AT["lorem"], AT["tokens"], AT["longest"]
_PLAIN, _BARE, _LETTERED, _ALPHABETIC = AT["plain"], AT["bare"], AT["lettered"], AT["alphabetic"]
_WORDS, _STOPWORDS, _GOPHER, _TOXIC, _LATIN, _MUTE = AT["words"], AT["stopwords"], AT["gopher"], AT["toxic"], AT["latin"], AT["mute"]
_LATIN_LETTERS = AT["latin_letters"]


@kernel
def read(raw: Bytes, tables: Tables, desk: Desk, out: Tallies) -> tuple[int, int]:
    """Tally the characters of a UTF-8 text, [bytes], and put its tokens and words on the desk; returns how many of each."""
    kinds, hashes, ink, at, breaks, flags = tables.kinds, desk.hashes, desk.ink, desk.at, desk.breaks, desk.flags
    top, place, characters, blank, row, words, inside = kinds.size - 1, 0, 0, 2, 0, 0, False
    ink[0] = 0
    while place < raw.size:
        code, width = character_at(raw, place)
        kind = kinds[min(code, top)]
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
                    desk.begins[words], desk.owners[words], inside = place, row, True
                letters += 1
            elif inside:
                desk.ends[words], words, inside = place, words + 1, False
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
            kind = kinds[min(code, top)]
        if inside:
            desk.ends[words], words, inside = place, words + 1, False
        flag |= ENDS_SENTENCE * ends | ENDS_TERMINAL * ((kinds[min(tail, top)] & (TERMINAL | QUOTE)) != 0)
        hashes[row], flags[row] = value, flag | ENDS_ELLIPSIS * (dots >= 3 or tail == _DOTS)
        desk.letters[row], desk.bare[row], ink[row + 1] = letters, last - first + 1, ink[row] + length
        characters, blank, row = characters + length, 0, row + 1
    out[_ALL], out[_INK], out[_TOKENS] = characters, ink[row], row
    return row, words


@kernel
def tokens(count: int, desk: Desk, out: Tallies) -> None:
    """Tally the tokens on the desk."""
    ink, letters, bare = desk.ink, desk.letters, desk.bare
    for row in range(count):
        length = ink[row + 1] - ink[row]
        out[_LETTERS] += letters[row]
        out[_LETTERED] += letters[row] > 0
        out[_ALPHABETIC] += 2 * letters[row] > length
        out[_LONGEST] = max(out[_LONGEST], length)
        out[_PLAIN] += bare[row] > 0
        out[_BARE] += bare[row]


@kernel
def words(raw: Bytes, count: int, tables: Tables, desk: Desk, out: Tallies) -> None:
    """Tally the words on the desk, and mark the tokens with which a phrase ends."""
    lexicon, all_marks, phrases, begins, ends, owners = tables.words, tables.marks, tables.phrases, desk.begins, desk.ends, desk.owners
    mask, history, gopher, stop, toxic, plain, mute = lexicon.size - 1, 0, 0, 0, 0, 0, 0
    flags, breaks = desk.flags, desk.breaks
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
            mute += spoken == 0 or stuck
        slot: Any = np.int64(value & np.uint64(mask))
        while lexicon[slot] != np.uint64(0) and lexicon[slot] != value:
            slot = slot + 1 & mask
        marks: Any = np.int64(all_marks[slot])  # 0 in a free slot
        stop += (marks & STOPWORD) != 0
        toxic += (marks & TOXIC) != 0
        gopher |= marks >> GOPHER_AT & 0xFF
        history = 0 if breaks[owners[word]] and (word == 0 or owners[word - 1] != owners[word]) else history
        history = (history << 4 | marks >> PHRASE_AT) & 0xFFF
        if marks >> PHRASE_AT:
            for number in range(phrases.shape[0]):
                if history & phrases[number, 1] == phrases[number, 0]:
                    flags[owners[word]] |= LOREM if number == 0 else JAVASCRIPT if number == 1 else POLICY
                    out[_LOREM] += number == 0
    out[_WORDS], out[_STOPWORDS], out[_TOXIC], out[_LATIN], out[_MUTE] = count, stop, toxic, plain, mute
    while gopher:
        out[_GOPHER], gopher = out[_GOPHER] + (gopher & 1), gopher >> 1
