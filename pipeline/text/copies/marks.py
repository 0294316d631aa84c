"""Marks of paragraphs: a few hashes of runs of words, so chosen that two paragraphs with a long run in common have one in common.

Of each run of n words the least hash among its runs of half as many words is a mark (winnowing, Schleimer et al. 2003), about one
for each n / 4 words. Where the least stands twice in a run, it is two marks: a run that overlaps itself has a mark in common with itself.
"""

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import OTHER, STEP, Hashes, Integers, Numbers, Words, mixed, power, spread


def marks_of(words: Words, length: int) -> tuple[Hashes, Numbers]:
    """The marks for runs of so many words (0: none); the text of each, and its paragraph [2, marks]."""
    room = 2 * words.hashes.size if length else 0
    hashes, places = np.empty(room, np.uint64), np.empty((2, room), np.uint32)
    count = _marks(words.hashes, words.paragraphs, words.starts, length, hashes, places) if length else 0
    return hashes[:count], places[:, :count]


def windows_of(words: Words, length: int, wanted: Integers) -> tuple[Hashes, Numbers]:
    """128 bits of every run of so many words in some paragraphs [2, runs]; its text, its paragraph, its first word there [3, runs].

    The paragraphs are (text, paragraph), ascending, [2, paragraphs].
    """
    hashes, places = np.empty((2, words.hashes.size), np.uint64), np.empty((3, words.hashes.size), np.uint32)
    count = _windows((words.hashes, words.paragraphs, words.starts), length, wanted, hashes, places)
    return mixed(hashes[:, :count]), places[:, :count]


@kernel(allocates=True)
def _marks(words, paragraphs, starts, length, hashes, places):  # type: ignore[no-untyped-def]
    """Fill in the marks; returns how many there are."""
    half, count = (length + 1) // 2, 0
    reach = length - half  # from the first to the last short run of a long one
    runs, leaving = np.empty(words.size, np.uint64), power(STEP, half)
    for text in range(starts.size - 1):
        first = starts[text]
        while first < starts[text + 1]:
            end, run = first, np.uint64(0)
            while end < starts[text + 1] and paragraphs[end] == paragraphs[first]:
                run = run * STEP + words[end]
                if end >= first + half:
                    run -= leaving * words[end - half]
                runs[end] = spread(run)  # of the words up to this one
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
    """Fill in the runs of the wanted paragraphs; returns how many there are."""
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
