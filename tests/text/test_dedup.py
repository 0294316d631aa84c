"""Copies are found: all of them from the threshold on, none below it, the first stays."""

from itertools import combinations
from random import Random

import numpy as np
import pytest

from pipeline.text.dedup import Near, cluster, counts, find_copies, shingles_of
from pipeline.text.minhash import jaccard, multipliers, signature
from pipeline.text.ngrams import ngrams_of, words_of

NEAR = Near(shingle=5, threshold=0.8, bands=20, rows=6)


def plain_map(function, items):  # type: ignore[no-untyped-def]
    return [function(item) for item in items]


def prose(words: int, seed: int) -> list[str]:
    draw = Random(seed)
    return [f"w{draw.randrange(400)}" for _ in range(words)]


def changed(words: list[str], times: int, seed: int) -> list[str]:
    draw, other = Random(seed), list(words)
    for place in draw.sample(range(len(words)), times):
        other[place] = "changed"
    return other


def true_jaccard(left: str, right: str) -> float:
    """The oracle: sets of tuples of words."""
    sets = [{tuple(words[place : place + 5]) for place in range(len(words) - 4)} for words in (left.lower().split(), right.lower().split())]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    books = [prose(600, seed) for seed in range(12)]
    near = [changed(books[seed % 12], 2 + seed, seed) for seed in range(24)]
    return [" ".join(words) for words in [*books, *near]]


def test_pairs_are_linked_exactly_from_the_threshold_on(corpus: list[str]) -> None:
    clusters = cluster([str(place) for place in range(len(corpus))], find_copies(corpus, plain_map, near=NEAR))["cluster"].to_pylist()
    alike = [(a, b) for a, b in combinations(range(len(corpus)), 2) if true_jaccard(corpus[a], corpus[b]) >= NEAR.threshold]
    assert 10 < len(alike) < 100
    assert all(clusters[a] == clusters[b] for a, b in alike)
    parent = list(range(len(corpus)))
    for a, b in alike:  # the components of the true graph, by repeated relabelling
        parent = [min(parent[a], parent[b]) if label in (parent[a], parent[b]) else label for label in parent]
    assert [str(label) for label in parent] == clusters


def test_the_first_of_a_cluster_is_kept(corpus: list[str]) -> None:
    rows = cluster([str(place) for place in range(len(corpus))], find_copies(corpus, plain_map, near=NEAR)).to_pylist()
    assert all(row["kept"] == (row["id"] == row["cluster"]) and int(row["cluster"]) <= int(row["id"]) for row in rows)


def test_equal_texts_are_exact_copies_whatever_case_and_layout() -> None:
    links = find_copies(["A b c", "x y z", "a  B\n\nc", "A b d"], plain_map, near=None)
    assert [(link.first, link.second, link.exact) for link in links] == [(0, 2, True)]
    assert cluster(list("abcd"), links)["kind"].to_pylist() == ["exact", "single", "exact", "single"]


def test_texts_without_words_are_no_copies_of_each_other() -> None:
    assert find_copies(["", "  ", "...", "!?"], plain_map, near=NEAR) == []


def test_short_texts_are_compared_as_a_whole() -> None:
    links = find_copies(["One two.", "one, two!", "one three"], plain_map, near=NEAR)
    assert [(link.first, link.second) for link in links] == [(0, 1)]


def test_the_order_of_other_documents_changes_no_cluster(corpus: list[str]) -> None:
    def groups(texts: list[str]) -> set[frozenset[str]]:
        names = cluster(texts, find_copies(texts, plain_map, near=NEAR)).to_pylist()
        return {frozenset(row["id"] for row in names if row["cluster"] == root) for root in {row["cluster"] for row in names}}

    assert groups(corpus) == groups(corpus[::-1])


def test_signatures_estimate_the_similarity() -> None:
    left = prose(3000, 1)
    texts = [" ".join(left), " ".join(changed(left, 150, 2))]
    factors = multipliers(512)
    sets = [shingles_of(text, shingle=5) for text in texts]
    guess = float(np.mean(signature(sets[0], factors) == signature(sets[1], factors)))
    assert abs(guess - jaccard(*sets)) < 0.08  # four standard errors
    assert jaccard(*sets) == pytest.approx(true_jaccard(*texts), abs=1e-12)


def test_words_are_the_same_whatever_case_punctuation_and_quotes() -> None:
    left, right = words_of("“Don’t stop—now!” Über 12 _cats_")[0], words_of('"don\'t  STOP -- now" über, 12 cats')[0]
    assert left.tolist() == right.tolist()
    assert len(left) == 7


def test_runs_of_words_differ_when_a_word_or_the_order_does() -> None:
    runs = {int(ngrams_of(words_of(text)[0], 3)[0]) for text in ("a b c", "a c b", "c b a", "a b d", "aa b c")}
    assert len(runs) == 5


def test_each_word_knows_its_paragraph() -> None:
    text = "One two\n\n* * *\n\nthree\nfour\n\nfive"
    assert words_of(text)[1].tolist() == [0, 0, 2, 2, 3]


def test_counts_tell_what_was_removed(corpus: list[str]) -> None:
    told = counts(cluster([str(place) for place in range(3)], find_copies(["a b", "a b", "c d"], plain_map, near=NEAR)))
    assert told == {"documents": 2, "copies": {"exact": 1, "near": 0}, "largest_cluster": 2}
