"""Fingerprints of paragraphs: a few hashes of word n-grams; two paragraphs with a long span in common share one.

Winnowing (Schleimer et al. 2003): in each window of n words, the least hash among its runs of n / 2 words is a fingerprint, about one
per n / 4 words. A least hash that occurs twice in a window counts twice: a span that overlaps itself shares a fingerprint with itself.
"""

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import OTHER, STEP, Hashes, Int64Array, Uint32Array, Words, mix64, mix_bits, power


def winnow(words: Words, length: int) -> tuple[Hashes, Uint32Array]:
    """The fingerprints for windows of `length` words (0: none); text and paragraph of each, [2, fingerprints]."""
    room = 2 * words.hashes.size if length else 0
    hashes, places = np.empty(room, np.uint64), np.empty((2, room), np.uint32)
    count = _fingerprints(words.hashes, words.paragraphs, words.starts, length, hashes, places) if length else 0
    return hashes[:count], places[:, :count]


def window_hashes(words: Words, length: int, wanted: Int64Array) -> tuple[Hashes, Uint32Array]:
    """A 128-bit hash of every window of `length` words in some paragraphs, [2, windows]; its text, paragraph and first word, [3, windows].

    `wanted` are the paragraphs (text, paragraph), ascending, [2, paragraphs].
    """
    hashes, places = np.empty((2, words.hashes.size), np.uint64), np.empty((3, words.hashes.size), np.uint32)
    count = _windows((words.hashes, words.paragraphs, words.starts), length, wanted, hashes, places)
    return mix_bits(hashes[:, :count]), places[:, :count]


@kernel(allocates=True)
def _fingerprints(words, paragraphs, starts, length, hashes, places):  # type: ignore[no-untyped-def]
    """Fill in the fingerprints; returns their number."""
    half, count = (length + 1) // 2, 0
    reach = length - half  # from the first to the last short run of a window
    runs, leaving = np.empty(words.size, np.uint64), power(STEP, half)
    for text in range(starts.size - 1):
        first = starts[text]
        while first < starts[text + 1]:
            end, run = first, np.uint64(0)
            while end < starts[text + 1] and paragraphs[end] == paragraphs[first]:
                run = run * STEP + words[end]
                if end >= first + half:
                    run -= leaving * words[end - half]
                runs[end] = mix64(run)  # of the words up to this one
                end += 1
            least, marked, doubled = -1, -1, False
            for last in range(first + length - 1, end):
                tied = least >= last - reach and runs[last] == runs[least]
                if least < last - reach:
                    least, tied = last - reach, False
                    for place in range(least + 1, last + 1):
                        if runs[place] <= runs[least]:
                            least, tied = place, runs[place] == runs[least]
                elif runs[last] < runs[least]:
                    least = last
                doubled = doubled and marked >= 0 and runs[least] == runs[marked]
                for _ in range((least != marked) + (tied and not doubled)):
                    hashes[count], places[0, count], places[1, count] = runs[least], text, paragraphs[first]
                    count += 1
                marked, doubled = least, doubled or tied
            first = end
    return count


@kernel
def _windows(words, length, wanted, hashes, places):  # type: ignore[no-untyped-def]
    """Fill in the windows of the wanted paragraphs; returns their number."""
    values, paragraphs, starts = words
    leaving, departing, count, turn = power(STEP, length), power(OTHER, length), 0, 0
    for text in range(starts.size - 1):
        left, right, first = np.uint64(0), np.uint64(0), starts[text]
        for place in range(starts[text], starts[text + 1]):
            if paragraphs[place] != paragraphs[first]:
                left, right, first = np.uint64(0), np.uint64(0), place
            while turn < wanted.shape[1] and (wanted[0, turn] < text or (wanted[0, turn] == text and wanted[1, turn] < paragraphs[place])):
                turn += 1
            if turn == wanted.shape[1] or wanted[0, turn] != text or wanted[1, turn] != paragraphs[place]:
                continue
            left, right = left * STEP + values[place], right * OTHER + values[place]
            if place >= first + length:
                left, right = left - leaving * values[place - length], right - departing * values[place - length]
            if place >= first + length - 1:
                hashes[0, count], hashes[1, count] = left, right
                places[0, count], places[1, count], places[2, count] = text, paragraphs[place], place - length + 1 - first
                count += 1
    return count
