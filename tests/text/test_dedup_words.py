"""Words, runs of words and signatures: what the comparison of documents stands on."""

import re
import unicodedata
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from pipeline.text.dedup.minhash import band_keys, shingle_sets, shingles_of, signatures, similarities
from pipeline.text.ngrams import MIX, STEP, ngrams_of, paragraph_hashes, texts_of, words_of, words_of_rows
from pipeline.text.sorted_arrays import in_sorted, sorted_index, sorted_unique

ODD = "“Ça va?”\tNaïve—Straße\u00a0ÄÖÜ ß 12½ a_b don’t Ελλάδα Привет! नमस्ते e\u0301 \U0001f600 x\U00020000y \U00010400"


def test_words_are_the_same_whatever_case_punctuation_and_quotes() -> None:
    left, right = words_of("“Don’t stop—now!” Über 12 _cats_")[0], words_of('"don\'t  STOP -- now" über, 12 cats')[0]
    assert left.tolist() == right.tolist()
    assert len(left) == 7


def test_words_are_runs_of_letters_marks_and_digits() -> None:
    def oracle(text: str) -> list[str]:
        spaced = "".join(char.lower() if unicodedata.category(char)[0] in "LMN" else " " for char in text)
        return spaced.split()

    draw = Random(1)
    for _ in range(300):
        text = "".join(draw.choice(ODD.replace("\U00020000", "")) for _ in range(draw.randrange(40)))
        assert len(set(words_of(text)[0].tolist())) == len(set(oracle(text)))
        assert words_of(text)[0].size == len(oracle(text))


def test_in_scripts_without_spaces_each_character_is_a_word() -> None:
    assert words_of("我喜欢 cats、ねこ")[0].size == 6
    assert words_of("x\U00020000y")[0].size == 3


def test_how_a_character_is_drawn_is_no_word() -> None:
    assert words_of("I \u2764\ufe0f cats")[0].tolist() == words_of("I \u2764 cats")[0].tolist() == words_of("I cats")[0].tolist()


def test_each_word_knows_its_paragraph() -> None:
    text = "One two\n\n* * *\n\nthree\nfour\n\nfive\n\n\nsix\n\n\n\nseven"
    hashes, paragraphs = words_of(text)
    parts = [(place, word) for place, part in enumerate(text.split("\n\n")) for word in re.findall(r"\w+", part)]
    assert paragraphs.tolist() == [place for place, _ in parts]
    assert hashes.tolist() == [words_of(word)[0][0] for _, word in parts]


def test_a_column_gives_the_words_of_each_text_wherever_it_was_cut() -> None:
    texts = [ODD, "", "...", "a b", ODD[::-1], "c" * 300]
    column = pa.chunked_array([texts[:2], texts[2:]]).slice(1)
    for kind in (pa.string(), pa.large_string()):
        words = words_of_rows(texts_of(column.cast(kind)), np.array([4, 0, 3, 2]))
        for place, text in enumerate((texts[5], texts[1], texts[4], texts[3])):
            assert words.hashes[words.starts[place] : words.starts[place + 1]].tolist() == words_of(text)[0].tolist()


def test_runs_of_words_differ_when_a_word_or_the_order_does() -> None:
    runs = {int(ngrams_of(words_of(text)[0], 3)[0]) for text in ("a b c", "a c b", "c b a", "a b d", "aa b c")}
    assert len(runs) == 5


def test_the_content_minds_punctuation_but_neither_case_nor_white_space() -> None:
    words = words_of_rows(texts_of(pa.array(["A b, c.", "a  B,\n\nC.", "a b c.", "ab, c.", "a b, c!", ". , !", ""])), np.arange(7))
    first, same, *others = (tuple(content) for content in words.content.tolist())
    assert first == same
    assert len({first, *others[:3]}) == 4
    assert others[3:] == [(0, 0), (0, 0)]


def test_long_paragraphs_are_hashed_by_their_words() -> None:
    words = words_of_rows(texts_of(pa.array(["Heading\n\none two three\n\nthree two one", "x\n\n\n\nOne, two three!"])), np.arange(2))
    hashes, places = paragraph_hashes(words, 3)
    assert places.tolist() == [[0, 0, 1], [1, 2, 2]]
    assert (hashes[:, 0] == hashes[:, 2]).all()
    assert (hashes[:, 0] != hashes[:, 1]).all()


def sketch(shingles: list[int], size: int) -> list[int]:
    """Fast similarity sketching as its paper says it: the least of (round, hash) in each place, of all rounds."""
    if not shingles:
        return [2**32 - 1] * size
    found: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for turn in range(2 * size):
        for shingle in shingles:
            value = (shingle + turn * int(STEP)) % 2**64
            value = (value ^ value >> 31) * int(MIX) % 2**64 if turn else shingle
            value ^= value >> 31 if turn else 0
            place = (value >> 32) * size >> 32 if turn < size else turn - size
            found[place].append((turn, value % 2**32))
    return [min(own)[1] for own in found]


def test_signatures_are_the_least_hash_in_each_place() -> None:
    texts = ["a b c d e f g h i j", "a b", "", " ".join(f"w{number}" for number in range(100))]
    words = words_of_rows(texts_of(pa.array(texts)), np.arange(4))
    values, starts = shingles_of(words, 5)
    for text, signed in enumerate(signatures(words, shingle=5, size=12)):
        assert signed.tolist() == sketch(values[starts[text] : starts[text + 1]].tolist(), 12)


@pytest.mark.parametrize("count", [8, 40, 3000])
def test_signatures_estimate_the_similarity(count: int) -> None:
    draw = Random(1)
    true, estimated = [], []
    for _ in range(max(1, 2000 // count)):
        words = [f"w{draw.randrange(10**6)}" for _ in range(count)]
        other = [word if draw.random() > 0.05 else "x" for word in words]
        both = words_of_rows(texts_of(pa.array([" ".join(words), " ".join(other)])), np.arange(2))
        sets = [{tuple(one[place : place + 5]) for place in range(count - 4)} for one in (words, other)]
        true.append(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))
        signed = signatures(both, shingle=5, size=512)
        estimated.append(float(np.mean(signed[0] == signed[1])))
        shingles = shingle_sets(both, 5)
        assert similarities(shingles, shingles, np.array([[0, 1]]))[0] == pytest.approx(true[-1], abs=1e-12)
    errors = np.array(estimated) - np.array(true)
    assert np.abs(errors).max() < 0.08  # four standard errors
    assert abs(errors.mean()) < 4 * 0.022 / len(errors) ** 0.5


def test_a_shingle_is_the_hash_of_a_run_of_words_and_a_set_has_each_once() -> None:
    texts = ["a b c a b c a b", "one two", "", "x", "a b c a b c"]
    words = words_of_rows(texts_of(pa.array(texts)), np.arange(5))
    values, starts = shingles_of(words, 3)
    expected = [ngrams_of(words_of(text)[0], min(3, max(1, len(text.split())))) for text in texts]
    assert [values[first:end].tolist() for first, end in pairwise(starts.tolist())] == [one.tolist() for one in expected]
    values, starts = shingle_sets(words, 3)
    assert [values[first:end].tolist() for first, end in pairwise(starts.tolist())] == [sorted_unique(one).tolist() for one in expected]


def test_bands_are_equal_when_all_their_values_are() -> None:
    signed = np.arange(12, dtype=np.uint32).reshape(1, 12).repeat(2, axis=0)
    signed[1, 5] += 1
    keys = band_keys(signed, bands=4, rows=3)
    assert (keys[:, 0] == keys[:, 1]).tolist() == [True, False, True, True]


def test_distinct_values_are_sorted() -> None:
    none = np.empty(0, np.uint64)
    assert sorted_unique(np.array([3, 1, 3, 2, 1], np.uint64)).tolist() == [1, 2, 3]
    assert not sorted_unique(none).size


def test_values_are_looked_up_where_they_stand_first() -> None:
    known, asked, none = np.array([2, 2, 5, 9], np.uint64), np.array([9, 1, 2, 7, 10], np.uint64), np.empty(0, np.uint64)
    assert sorted_index(known, asked).tolist() == [3, -1, 0, -1, -1]
    assert in_sorted(asked, known).tolist() == [True, False, True, False, False]
    assert sorted_index(none, asked).tolist() == [-1] * 5
    assert sorted_index(known, none).tolist() == []
