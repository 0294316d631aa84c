"""The corpus with known copies, and the score against it."""

from itertools import combinations
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.text_corpus import SHARES, WORDS, make
from benchmarks.text_pairs import score, similar_pairs
from pipeline.core.artifact.corpus import Corpus

DOCUMENTS = 400


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "bench"
    make(folder, documents=DOCUMENTS, seed=1, text=None)
    return folder


def words_of(text: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()


def jaccard(left: list[str], right: list[str]) -> float:
    first, second = ({tuple(words[place : place + 5]) for place in range(len(words) - 4)} for words in (left, right))
    return len(first & second) / len(first | second)


def read(corpus: Path) -> tuple[list[str], list[dict[str, str]], dict[tuple[int, int], float]]:
    texts = [orjson.loads(line)["text"] for line in (corpus / "raw.jsonl").read_bytes().splitlines()]
    pairs = pq.read_table(corpus / "pairs.parquet").to_pylist()
    plants = pq.read_table(corpus / "plants.parquet").to_pylist()
    return texts, plants, {(pair["left"], pair["right"]): pair["jaccard"] for pair in pairs}


def test_the_truth_is_what_a_comparison_of_the_written_texts_finds(corpus):
    texts, _, pairs = read(corpus)
    words = [words_of(text) for text in texts]
    for left, right in list(combinations(range(60), 2)) + list(pairs):
        similarity = jaccard(words[left], words[right])
        assert pairs.get((left, right), 0.0) == pytest.approx(similarity if similarity >= 0.1 else 0.0)


def test_kinds_stand_in_their_shares_and_copies_are_as_alike_as_their_kind_says(corpus):
    texts, plants, pairs = read(corpus)
    kinds = [plant["kind"] for plant in plants]
    assert {kind: kinds.count(kind) for kind in SHARES} == {kind: round(share * DOCUMENTS) for kind, share in SHARES.items()}
    numbers = {plant["id"]: number for number, plant in enumerate(plants)}
    found = {kind: [] for kind in SHARES}
    for number, plant in enumerate(plants):
        if plant["of"] is not None:
            other = numbers[plant["of"]]
            found[plant["kind"]].append(pairs.get((min(number, other), max(number, other)), 0.0))
            assert (texts[number] == texts[other]) == (plant["kind"] == "exact")
    assert set(found["exact"]) == set(found["variant"]) == {1.0}
    assert all(0.13 < value < 0.37 for value in found["hard"])
    assert all(value > 0.3 for value in found["near"])
    assert any(value >= 0.8 for value in found["near"])
    assert any(value < 0.8 for value in found["near"])


def test_documents_have_as_many_words_as_stated(corpus):
    texts, plants, _ = read(corpus)
    sizes = [len(words_of(text)) for text, plant in zip(texts, plants, strict=True) if plant["kind"] == "own"]
    assert WORDS[0] <= min(sizes) < 300
    assert 1_500 < max(sizes) <= WORDS[1]


def test_the_lines_and_the_artifact_hold_the_same_documents(corpus):
    rows = [orjson.loads(line) for line in (corpus / "raw.jsonl").read_bytes().splitlines()]
    assert Corpus(corpus / "corpus").read().select(["id", "text"]).to_pylist() == rows


def test_the_same_seed_gives_the_same_bytes_and_a_real_text_its_own_words(tmp_path):
    text = tmp_path / "real.txt"
    text.write_text("It was the best of times, it was the worst of times. " * 40)
    for name in ("one", "two"):
        make(tmp_path / name, documents=40, seed=3, text=text)
    one, two = (tmp_path / name for name in ("one", "two"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert [(one / file).read_bytes() for file in files] == [(two / file).read_bytes() for file in files]
    assert set(words_of((one / "raw.jsonl").read_text())) >= {"it", "was", "the", "best", "of", "times", "worst"}


def test_pairs_count_shared_runs_exactly_and_below_the_floor_are_left_out():
    texts = [np.arange(20), np.arange(20), np.arange(5, 25), np.arange(100, 120), np.array([1, 2]), np.array([1, 2])]
    pairs = similar_pairs(texts, shingle=5, floor=0.1)
    assert list(zip(pairs["left"].tolist(), pairs["right"].tolist(), pairs["jaccard"].tolist(), strict=True)) == [
        (0, 1, 1.0),
        (0, 2, 11 / 21),
        (1, 2, 11 / 21),
        (4, 5, 1.0),
    ]


PAIRS = pa.table({"left": [0, 1, 3], "right": [1, 2, 4], "jaccard": [0.9, 0.85, 0.6]})  # 0, 1 and 2 are one; 3 and 4 are two


@pytest.mark.parametrize(
    ("kept", "recall", "below", "below_half", "lost"),
    [
        ([1, 0, 0, 1, 1, 1], 1.0, 0, 0, 0),
        ([0, 0, 1, 1, 1, 1], 1.0, 0, 0, 0),  # which one is kept is the tool's choice
        ([1, 1, 0, 1, 1, 1], 0.5, 0, 0, 0),
        ([1, 0, 0, 1, 0, 1], 1.0, 1, 0, 0),
        ([1, 0, 0, 1, 1, 0], 1.0, 1, 1, 0),
        ([0, 0, 0, 1, 1, 1], 1.0, 0, 0, 1),
    ],
)
def test_a_deduplication_is_scored_by_pairs_found_and_documents_lost(kept, recall, below, below_half, lost):
    found = score(np.array(kept, bool), PAIRS, threshold=0.8)
    assert (found["recall"], found["removed_below"], found["removed_below_half"], found["lost"]) == (recall, below, below_half, lost)
